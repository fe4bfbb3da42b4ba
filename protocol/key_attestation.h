// What the maker of a token says of a key in an attestation: Yubico's PIV extensions (OID arc
// 1.3.6.1.4.1.41482.3, docs.yubico.com/hardware/oid/oid-piv-arc.html). Values and their names; pure, thread
// safe.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/public_key.h"

namespace signet {

struct FirmwareVersion {
  std::uint8_t major = 0, minor = 0, patch = 0;
  auto operator<=>(const FirmwareVersion&) const = default;
};

// "5.7.1".
std::string to_string(FirmwareVersion version);
// "5.7.1", or "5.7" for 5.7.0; each number from 0 to 255, without leading zeros. Nothing for anything else.
std::optional<FirmwareVersion> parse_firmware_version(std::string_view text);

// When the token asks for its PIN: never, once in a session, or before each use. The last two take a finger
// instead (YubiKey Bio).
enum class PinPolicy : std::uint8_t { Never = 1, Once = 2, Always = 3, MatchOnce = 4, MatchAlways = 5 };
// Whether it wants to be touched: never, before each use, or before a use when the last touch was more than
// 15 seconds ago.
enum class TouchPolicy : std::uint8_t { Never = 1, Always = 2, Cached = 3 };

// "never", "once", "always", "match-once", "match-always".
std::string_view to_string(PinPolicy policy);
std::optional<PinPolicy> parse_pin_policy(std::string_view name);
// "never", "always", "cached".
std::string_view to_string(TouchPolicy policy);
std::optional<TouchPolicy> parse_touch_policy(std::string_view name);

struct KeyAttestation {
  FirmwareVersion firmware;
  std::optional<std::uint32_t> serial;  // older YubiKeys leave it out
  PinPolicy pin = PinPolicy::Never;
  TouchPolicy touch = TouchPolicy::Never;
  std::optional<std::uint8_t> form_factor;  // as it stands there; see form_factor_text
  bool operator==(const KeyAttestation&) const = default;
};

// For people: "USB-C keychain", "USB-A nano, FIPS"; "unknown (12)" for what this build does not know.
std::string form_factor_text(std::uint8_t form_factor);

// A flaw that is known of this firmware and concerns a key of this algorithm, as a sentence that says what to
// do; empty: none. YSA-2024-03 (ECDSA before 5.7.0: a side channel gives the key to whoever has the token in
// a laboratory) and YSA-2017-01 (RSA keys made by 4.2.6 to 4.3.4 can be factored).
std::string known_weakness(FirmwareVersion firmware, KeyAlgorithm algorithm);

}  // namespace signet
