#include "protocol/key_attestation.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

TEST_CASE("firmware versions: written as they are read, and compared as numbers") {
  CHECK(parse_firmware_version("5.7.1") == FirmwareVersion{5, 7, 1});
  CHECK(parse_firmware_version("5.7") == FirmwareVersion{5, 7, 0});
  CHECK(parse_firmware_version("255.0.10") == FirmwareVersion{255, 0, 10});
  CHECK(to_string(FirmwareVersion{5, 10, 2}) == "5.10.2");
  CHECK(FirmwareVersion{5, 10, 0} > FirmwareVersion{5, 7, 9});
  for (const char* bad :
       {"", "5", "5.", ".7", "5.7.1.2", "5.07", "256.1", "5.7a", " 5.7", "-5.7", "5..7", "1000.1"})
    CHECK_FALSE(parse_firmware_version(bad));
}

TEST_CASE("policies have names, and only those") {
  for (int value = 0; value < 256; ++value) {
    const auto pin = static_cast<PinPolicy>(value);
    const auto touch = static_cast<TouchPolicy>(value);
    CHECK((parse_pin_policy(to_string(pin)) == pin) == (value >= 1 && value <= 5));
    CHECK((parse_touch_policy(to_string(touch)) == touch) == (value >= 1 && value <= 3));
  }
  CHECK(to_string(TouchPolicy::Cached) == "cached");
  CHECK_FALSE(parse_touch_policy("unknown"));
}

TEST_CASE("form factors that this build does not know are told by number") {
  CHECK(form_factor_text(1) == "USB-A keychain");
  CHECK(form_factor_text(0x80 | 4) == "USB-C nano, FIPS");
  CHECK(form_factor_text(0x40 | 1) == "USB-A keychain, Security Key series");
  CHECK(form_factor_text(0) == "unknown (0)");
  CHECK(form_factor_text(63) == "unknown (63)");
}

TEST_CASE(
    "weak firmware: YSA-2024-03 for elliptic curves before 5.7, YSA-2017-01 for RSA of 4.2.6 to 4.3.4") {
  const auto ec = KeyAlgorithm::EcdsaP256;
  CHECK(known_weakness({5, 6, 255}, ec).find("YSA-2024-03") != std::string::npos);
  CHECK(known_weakness({5, 6, 255}, KeyAlgorithm::EcdsaP384).find("YSA-2024-03") != std::string::npos);
  CHECK(known_weakness({5, 7, 0}, ec).empty());
  CHECK(known_weakness({5, 6, 0}, KeyAlgorithm::Rsa2048).empty());
  CHECK(known_weakness({4, 2, 5}, KeyAlgorithm::Rsa2048).empty());
  CHECK(known_weakness({4, 2, 6}, KeyAlgorithm::Rsa2048).find("YSA-2017-01") != std::string::npos);
  CHECK(known_weakness({4, 3, 4}, KeyAlgorithm::Rsa4096).find("YSA-2017-01") != std::string::npos);
  CHECK(known_weakness({4, 3, 5}, KeyAlgorithm::Rsa2048).empty());
}

}  // namespace
}  // namespace signet
