#include "pkcs11/host_wait.h"

#include <catch2/catch.hpp>

using signet::host::BriefWait;
using namespace std::chrono_literals;

TEST_CASE("looking pays after two short waits, until one is long") {
  if (std::thread::hardware_concurrency() < 2) return;  // nobody else could do anything meanwhile
  BriefWait wait;
  CHECK_FALSE(wait.pays());
  wait.ended(10us);
  CHECK_FALSE(wait.pays());
  wait.ended(2 * BriefWait::kLook - 1us);
  CHECK(wait.pays());
  wait.ended(2 * BriefWait::kLook);
  CHECK_FALSE(wait.pays());
  // Calls that come now and then: a short wait for the token, a long one for the next call. Never.
  for (int call = 0; call < 10; ++call) {
    wait.ended(80us);
    CHECK_FALSE(wait.pays());
    wait.ended(5ms);
    CHECK_FALSE(wait.pays());
  }
}

TEST_CASE("a look ends with what was waited for, or when its time is up") {
  CHECK(BriefWait::look([] { return true; }));  // asked once at least, however late it is
  const auto begun = BriefWait::Clock::now();
  CHECK_FALSE(BriefWait::look([] { return false; }));
  CHECK(BriefWait::Clock::now() - begun >= BriefWait::kLook);
}
