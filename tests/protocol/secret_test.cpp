#include "protocol/secret.h"

#include <catch2/catch.hpp>
#include <type_traits>

using signet::Secret;

static_assert(!std::is_copy_constructible_v<Secret>);
static_assert(!std::is_copy_assignable_v<Secret>);

TEST_CASE("a secret moves, is wiped and copies only when told to") {
  Secret a(std::string_view("123456"));
  Secret b = std::move(a);
  CHECK(b.text() == "123456");
  const Secret c = b.copy();
  b.wipe();
  CHECK(b.empty());
  CHECK(c.text() == "123456");
  CHECK(Secret(std::string_view("")).empty());
}

TEST_CASE("wipe_memory of nothing does nothing") {
  char one = 'x';
  signet::wipe_memory(nullptr, 0);  // UBSan tells if it is handed on: explicit_bzero takes no null
  signet::wipe_memory(&one, 0);
  CHECK(one == 'x');
}

TEST_CASE("wipe_memory leaves zeros") {
  char buffer[] = "654321";
  signet::wipe_memory(buffer, sizeof buffer);
  for (const char x : buffer) CHECK(x == 0);
}
