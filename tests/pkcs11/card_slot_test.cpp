// What a card says of a slot before a key is made there, behind a real pcscd. One test: a process has one
// pcscd.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <thread>

#include "pkcs11/card.h"
#include "tests/build_paths.h"
#include "tests/support/emulated_yubikey.h"

namespace signet::test {
namespace {

using namespace signet::host;

constexpr const char* kNew = "Yubico YubiKey OTP+FIDO+CCID 00 00";     // firmware 5.4.3
constexpr const char* kOld = "Yubico YubiKey OTP+FIDO+CCID 01 00";     // 5.2.4, without GET METADATA
constexpr const char* kNewest = "Yubico YubiKey OTP+FIDO+CCID 02 00";  // 5.7.1, with an AES management key

void wait_for(const std::string& reader) {
  for (int attempt = 0; attempt < 500; ++attempt) {
    if (const auto told = card_tries({reader}); told && told->is_piv) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // pcscd gets to know its readers
  }
  throw std::runtime_error("there is no card in " + reader);
}

TEST_CASE("a card says whether a slot has a key, and what kind of management key it has") {
  EmulatedYubiKey cards(source_dir(), lib_dir(), {"new:111", "old:222:5.2.4", "newest:333:5.7.1"});
  for (const auto& [name, value] : cards.environment()) ::setenv(name.c_str(), value.c_str(), 1);
  cards.control("make-key", {{"card", "new"}, {"slot", "9a"}, {"algorithm", "P256"}});
  cards.control("make-key", {{"card", "old"}, {"slot", "9a"}, {"algorithm", "P256"}});
  for (const char* reader : {kNew, kOld, kNewest}) wait_for(reader);

  const auto taken = card_slot({kNew, 0x9A});
  REQUIRE(taken.has_value());
  CHECK(taken->known);
  CHECK(taken->occupied);
  CHECK(taken->management_algorithm == kTripleDes);
  CHECK_FALSE(taken->management_touch);
  CHECK_FALSE(taken->management_behind_pin);
  for (const int slot : {0x9C, 0x82, 0x95}) {
    const auto free = card_slot({kNew, static_cast<std::uint8_t>(slot)});
    REQUIRE(free.has_value());
    CHECK(free->known);
    CHECK_FALSE(free->occupied);
  }
  CHECK(card_slot({kNewest, 0x9A})->management_algorithm != kTripleDes);
  cards.control("hold", {{"exclusive", true}});
  const auto held = card_slot({kNew, 0x9A});
  REQUIRE_FALSE(held.has_value());
  CHECK(held.error().kind == FaultKind::Card);
  cards.control("release", {});
  CHECK_FALSE(card_slot({kOld, 0x9A})->known);  // it has a key, and no way to say so
  CHECK_FALSE(card_slot({"no such reader", 0x9A})->known);
  for (const char* card : {"new", "old", "newest"}) CHECK(cards.pin_outcomes(card).empty());
}

}  // namespace
}  // namespace signet::test
