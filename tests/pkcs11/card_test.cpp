// What is asked of a card beside its module, behind a real pcscd. One test: a pcscd takes seconds to start.
#include "pkcs11/card.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <thread>

#include "tests/build_paths.h"
#include "tests/support/emulated_yubikey.h"

namespace signet::test {
namespace {

using namespace signet::host;

constexpr const char* kNew = "Yubico YubiKey OTP+FIDO+CCID 00 00";  // firmware 5.4.3
constexpr const char* kOld = "Yubico YubiKey OTP+FIDO+CCID 01 00";  // 5.2.4, without GET METADATA

CardTriesReply tries(const std::string& reader) {
  for (int attempt = 0; attempt < 500; ++attempt) {
    const auto told = card_tries({reader});
    if (told && told->is_piv) return *told;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // pcscd gets to know its readers
  }
  throw std::runtime_error("there is no card in " + reader);
}

HostResult<UnblockCardReply> unblock(const char* reader, std::string_view puk, std::string_view pin) {
  UnblockCardRequest request;
  request.reader = reader;
  request.puk = Secret(puk);
  request.pin = Secret(pin);
  return unblock_card(request);
}

std::uint64_t refusal(const HostResult<UnblockCardReply>& refused) {
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().call == kUnblockCall);
  return refused.error().ckr;
}

TEST_CASE("a card counts its tries without using one, is reset, and is unblocked by its PUK") {
  EmulatedYubiKey cards(source_dir(), lib_dir(), {"new:111", "old:222:5.2.4"});
  for (const auto& [name, value] : cards.environment()) ::setenv(name.c_str(), value.c_str(), 1);
  for (const char* reader : {kNew, kOld}) {
    const bool tells_all = reader == kNew;
    CardTriesReply told = tries(reader);
    CHECK(told.pin.known);
    CHECK(told.pin.left == 3);
    CHECK(told.pin.full == (tells_all ? 3 : 0));
    CHECK(told.puk.known == tells_all);

    CHECK(refusal(unblock(reader, "87654321", "246810")) == 0xA0);  // CKR_PIN_INCORRECT
    CHECK(refusal(unblock(reader, "1234567890", "246810")) ==
          0xA2);  // CKR_PIN_LEN_RANGE, and it was not sent
    CHECK(refusal(unblock(reader, "12345678", "24681")) == 0xA2);
    CHECK(tries(reader).puk.left == (tells_all ? 2 : 0));
    cards.control("block-pin", {{"card", tells_all ? "new" : "old"}});
    CHECK(tries(reader).pin.left == 0);
    CHECK(unblock(reader, "12345678", "246810").has_value());
    CHECK(tries(reader).pin.left == 3);
    const auto reset = reset_card({reader});
    REQUIRE(reset.has_value());
    CHECK(reset->there);
    const std::vector<std::string> outcomes = {"refused", "accepted"};
    CHECK(cards.pin_outcomes(tells_all ? "new" : "old") == outcomes);
  }

  // Where there is no card there is nothing to reset, and nothing is known.
  for (const char* reader : {"", "SoftHSM slot ID 0x0", "Yubico YubiKey OTP+FIDO+CCID 07 00"}) {
    const auto reset = reset_card({reader});
    REQUIRE(reset.has_value());
    CHECK_FALSE(reset->there);
    CHECK_FALSE(card_tries({reader})->pin.known);
    const auto unblocked = unblock(reader, "12345678", "246810");
    REQUIRE_FALSE(unblocked.has_value());
    CHECK(unblocked.error().kind == FaultKind::TokenAbsent);
  }
  CHECK(held_cards()->cards.empty());
  cards.control("hold", {});
  CHECK(held_cards()->cards.empty());  // in a transaction: modules see it, and wait
  cards.control("release", {});
  cards.control("hold", {{"exclusive", true}});
  const auto seen = held_cards();
  REQUIRE(seen.has_value());
  REQUIRE(seen->cards.size() == 1);
  CHECK(seen->cards.front().reader == kNew);
  const auto held = reset_card({kNew});
  REQUIRE_FALSE(held.has_value());
  CHECK(held.error().kind == FaultKind::Card);
  CHECK(held.error().ckr == 0x8010000B);  // SCARD_E_SHARING_VIOLATION
  cards.control("release", {});
  cards.control("pcscd", {{"action", "kill"}});
  const auto gone = reset_card({kNew});
  REQUIRE(gone.has_value());
  CHECK_FALSE(gone->there);
  CHECK(held_cards()->cards.empty());
}

}  // namespace
}  // namespace signet::test
