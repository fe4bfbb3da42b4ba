// CardWatch behind a real pcscd, over emulated YubiKeys. One test: a pcscd takes seconds to start.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <future>
#include <thread>

#include "pkcs11/card_watch.h"
#include "tests/build_paths.h"
#include "tests/support/emulated_yubikey.h"

namespace signet::test {
namespace {

using host::CardWatch;

constexpr const char* kReader = "Yubico YubiKey OTP+FIDO+CCID 00 00";

class Bench {
 public:
  Bench() : cards_(source_dir(), lib_dir(), {"alice:111", "bob:222"}) {
    for (const auto& [name, value] : cards_.environment()) ::setenv(name.c_str(), value.c_str(), 1);
    cards_.control("unplug", {{"card", "bob"}});
  }
  // Of the only card that is in. pcscd needs a moment to see it.
  std::unique_ptr<CardWatch> watch() {
    for (int attempt = 0; attempt < 500; ++attempt) {
      if (auto begun = CardWatch::begin(kReader)) return begun;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    throw std::runtime_error("there is no card in " + std::string(kReader));
  }
  EmulatedYubiKey cards_;
};

TEST_CASE("a card that left its reader is never the same again") {
  Bench bench;
  const auto control = [&bench](std::string_view command, boost::json::object parameters) {
    bench.cards_.control(command, std::move(parameters));
  };
  CHECK(CardWatch::begin("") == nullptr);
  CHECK(CardWatch::begin("SoftHSM slot ID 0x0") == nullptr);
  CHECK(CardWatch::begin("Yubico YubiKey") == nullptr);  // a part of a name is no name

  const auto idle = bench.watch();
  for (int look = 0; look < 3; ++look) CHECK(idle->unchanged());
  control("reset", {});  // by another program
  CHECK(idle->unchanged());
  CHECK(idle->unchanged());

  control("swap", {{"card", "alice"}, {"other", "bob"}, {"usb", false}});
  CHECK_FALSE(idle->unchanged());
  control("swap", {{"card", "bob"}, {"other", "alice"}, {"usb", false}});
  CHECK_FALSE(idle->unchanged());

  const auto before_reset = bench.watch();
  control("swap", {{"card", "alice"}, {"other", "bob"}, {"usb", false}});
  control("reset", {});  // which hides the removal in the handle's state
  CHECK_FALSE(before_reset->unchanged());

  const auto plugged = bench.watch();
  control("swap", {{"card", "bob"}, {"other", "alice"}, {"usb", true}});  // the reader's name stays, too
  CHECK_FALSE(plugged->unchanged());

  const auto out = bench.watch();
  control("unplug", {{"card", "alice"}});
  CHECK_FALSE(out->unchanged());
  control("plug", {{"card", "alice"}});
  CHECK_FALSE(out->unchanged());

  const auto orphan = bench.watch();
  control("pcscd", {{"action", "restart"}});
  CHECK_FALSE(orphan->unchanged());

  const auto alone = bench.watch();
  control("hold", {});  // another program's transaction
  auto waiting = std::async(std::launch::async, [&alone] { return alone->unchanged(); });
  CHECK(waiting.wait_for(std::chrono::milliseconds(300)) == std::future_status::timeout);
  control("release", {});
  REQUIRE(waiting.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  CHECK(waiting.get());
  control("pcscd", {{"action", "kill"}});
  CHECK_FALSE(alone->unchanged());
  CHECK(CardWatch::begin(kReader) == nullptr);
}

}  // namespace
}  // namespace signet::test
