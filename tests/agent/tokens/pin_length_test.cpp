// Which PINs are sent to no token, because of their length.
#include <catch2/catch.hpp>

#include "agent/tokens/pin_length.h"

using namespace signet;

namespace {

host::SlotDescription slot(std::string manufacturer, std::string model, std::uint32_t least,
                           std::uint32_t most) {
  host::SlotDescription made;
  made.manufacturer = std::move(manufacturer);
  made.model = std::move(model);
  made.min_pin = least;
  made.max_pin = most;
  return made;
}

bool takes(const host::SlotDescription& described, std::size_t size) {
  return check_pin_length(size, pin_lengths(described), "alpha").has_value();
}

}  // namespace

TEST_CASE("a token's own word on its PIN's length holds at both ends") {
  const auto softhsm = slot("SoftHSM project", "SoftHSM v2", 4, 255);
  CHECK_FALSE(takes(softhsm, 3));
  CHECK(takes(softhsm, 4));
  CHECK(takes(softhsm, 255));
  CHECK_FALSE(takes(softhsm, 256));
}

TEST_CASE("a PIV card's PIN has 6 to 8 characters, whatever its module says") {
  // As ykcs11 2.2.0 and OpenSC 0.23.0 describe the same card.
  const auto card = GENERATE(slot("Yubico (www.yubico.com)", "YubiKey YK5", 6, 48),
                             slot("piv_II", "PKCS#15 emulated", 4, 8));
  CHECK_FALSE(takes(card, 5));
  CHECK(takes(card, 6));
  CHECK(takes(card, 8));
  CHECK_FALSE(takes(card, 9));
  const Error error = check_pin_length(4, pin_lengths(card), "alpha").error();
  CHECK(error.name == ErrorName::InvalidParameter);
  CHECK(error.message ==
        "The PIN of token \"alpha\" has 6 to 8 characters; the one given has 4. It was not sent, and no try "
        "was used.");
}

TEST_CASE("a card that is no PIV card keeps its own limits") {
  CHECK(takes(slot("Yubico (www.yubico.com)", "YubiHSM", 12, 68), 68));  // another token of the same maker
  CHECK(takes(slot("www.CardContact.de", "PKCS#15 emulated", 4, 15), 4));
}

TEST_CASE("a token that says nothing, or nonsense, of its PIN's length gets every PIN") {
  CHECK(takes(slot("", "", 0, 0), 1));
  CHECK(takes(slot("", "", 0, 0), 1000));
  CHECK(takes(slot("", "", 9, 8), 1));
  const auto no_most = slot("", "", 4, 0);
  CHECK(takes(no_most, 1000));
  CHECK_FALSE(takes(no_most, 3));
  CHECK(check_pin_length(3, pin_lengths(no_most), "alpha").error().message.find("4 or more") !=
        std::string::npos);
}
