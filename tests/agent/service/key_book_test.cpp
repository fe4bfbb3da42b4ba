// The enrolled keys in memory, and their parsed forms.
#include "agent/service/key_book.h"

#include <catch2/catch.hpp>

#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

LedgerKey enrolled(std::uint8_t seed) {
  LedgerKey key;
  Bytes point(32, seed);
  point[31] = 0;
  for (;; ++point[0]) {  // every other byte string is a point on the curve
    if (const auto parsed = PublicKey::from_ed25519(point)) {
      key.spki = parsed->spki();
      key.fingerprint = parsed->fingerprint();
      key.name = "key-" + std::to_string(seed);
      return key;
    }
  }
}

TEST_CASE("a key is parsed once and stays itself") {
  KeyBook book;
  const LedgerKey one = enrolled(1), two = enrolled(2);
  const auto first = book.public_key(one);
  REQUIRE(first);
  CHECK(first->spki() == one.spki);
  CHECK(book.public_key(two)->spki() == two.spki);
  const auto again = book.public_key(one);
  REQUIRE(again);
  CHECK(again->handle() == first->handle());  // not parsed again
}

TEST_CASE("a key that cannot be read is refused each time") {
  KeyBook book;
  LedgerKey broken = enrolled(1);
  broken.spki.pop_back();
  for (int look = 0; look < 2; ++look) {
    const auto key = book.public_key(broken);
    REQUIRE_FALSE(key);
    CHECK(key.error().name == ErrorName::MetadataInvalid);
  }
}

TEST_CASE("the parsed keys are bounded") {
  KeyBook book;
  const LedgerKey one = enrolled(1);
  const auto first = book.public_key(one);
  REQUIRE(first);
  LedgerKey other = enrolled(2);
  const std::string fingerprint = other.fingerprint;
  for (std::size_t number = 1; number <= KeyBook::kMaxParsedKeys; ++number) {
    CHECK(book.public_key(one)->handle() == first->handle());
    other.fingerprint = fingerprint + std::to_string(number);
    REQUIRE(book.public_key(other));
  }
  CHECK(book.public_key(one)->handle() != first->handle());  // all were dropped, and it was read anew
  CHECK(book.public_key(one)->spki() == one.spki);
}

}  // namespace
}  // namespace signet::test
