#include "protocol/key_attestation.h"

#include <array>
#include <charconv>
#include <utility>

namespace signet {
namespace {

constexpr std::array<std::pair<PinPolicy, std::string_view>, 5> kPinPolicies{{
    {PinPolicy::Never, "never"},
    {PinPolicy::Once, "once"},
    {PinPolicy::Always, "always"},
    {PinPolicy::MatchOnce, "match-once"},
    {PinPolicy::MatchAlways, "match-always"},
}};
constexpr std::array<std::pair<TouchPolicy, std::string_view>, 3> kTouchPolicies{{
    {TouchPolicy::Never, "never"},
    {TouchPolicy::Always, "always"},
    {TouchPolicy::Cached, "cached"},
}};

// docs.yubico.com/hardware/yubikey: the low bits say which, the two high ones stand for a series.
constexpr std::array<std::string_view, 8> kFormFactors{
    "",           "USB-A keychain",          "USB-A nano",         "USB-C keychain",
    "USB-C nano", "USB-C and Lightning key", "USB-A Bio keychain", "USB-C Bio keychain"};
constexpr std::uint8_t kFips = 0x80, kSecurityKey = 0x40;

constexpr FirmwareVersion kEucleakFixed{5, 7, 0};
constexpr FirmwareVersion kRocaFirst{4, 2, 6}, kRocaFixed{4, 3, 5};

template <typename Table, typename Value>
std::string_view name_of(const Table& table, Value value) {
  for (const auto& [known, name] : table)
    if (known == value) return name;
  return "unknown";
}

template <typename Value, std::size_t N>
std::optional<Value> value_of(const std::array<std::pair<Value, std::string_view>, N>& table,
                              std::string_view name) {
  for (const auto& [value, known] : table)
    if (known == name) return value;
  return std::nullopt;
}

std::optional<std::uint8_t> parse_number(std::string_view text) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint8_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_rsa(KeyAlgorithm algorithm) {
  return algorithm == KeyAlgorithm::Rsa2048 || algorithm == KeyAlgorithm::Rsa3072 ||
         algorithm == KeyAlgorithm::Rsa4096;
}

}  // namespace

std::string to_string(FirmwareVersion version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor) + "." +
         std::to_string(version.patch);
}

std::optional<FirmwareVersion> parse_firmware_version(std::string_view text) {
  std::array<std::uint8_t, 3> numbers{};
  std::size_t count = 0;
  for (;;) {
    const std::size_t dot = text.find('.');
    const auto number = parse_number(text.substr(0, dot));
    if (!number || count == numbers.size()) return std::nullopt;
    numbers.at(count++) = *number;
    if (dot == std::string_view::npos) break;
    text.remove_prefix(dot + 1);
  }
  if (count < 2) return std::nullopt;
  return FirmwareVersion{numbers[0], numbers[1], numbers[2]};
}

std::string_view to_string(PinPolicy policy) {
  return name_of(kPinPolicies, policy);
}

std::optional<PinPolicy> parse_pin_policy(std::string_view name) {
  return value_of(kPinPolicies, name);
}

std::string_view to_string(TouchPolicy policy) {
  return name_of(kTouchPolicies, policy);
}

std::optional<TouchPolicy> parse_touch_policy(std::string_view name) {
  return value_of(kTouchPolicies, name);
}

std::string form_factor_text(std::uint8_t form_factor) {
  const std::uint8_t kind = form_factor & static_cast<std::uint8_t>(~(kFips | kSecurityKey));
  std::string text = kind > 0 && kind < kFormFactors.size() ? std::string(kFormFactors.at(kind))
                                                            : "unknown (" + std::to_string(kind) + ")";
  if ((form_factor & kFips) != 0) text += ", FIPS";
  if ((form_factor & kSecurityKey) != 0) text += ", Security Key series";
  return text;
}

std::string known_weakness(FirmwareVersion firmware, KeyAlgorithm algorithm) {
  if (is_rsa(algorithm)) {
    if (firmware < kRocaFirst || firmware >= kRocaFixed) return "";
    return "Firmware " + to_string(firmware) +
           " made RSA keys that can be factored from the public key alone (YSA-2017-01, CVE-2017-15361). Do "
           "not use "
           "this key: make another on a token with firmware 4.3.5 or newer.";
  }
  if (firmware >= kEucleakFixed) return "";
  return "Firmware " + to_string(firmware) +
         " leaks elliptic-curve keys to whoever has the token in a laboratory for some minutes (YSA-2024-03, "
         "CVE-2024-45678). Keep the token where nobody else gets hold of it, or use one with firmware 5.7 or "
         "newer.";
}

}  // namespace signet
