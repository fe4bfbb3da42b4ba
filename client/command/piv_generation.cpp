#include "client/command/piv_generation.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <utility>

namespace signet::client {
namespace {

constexpr unsigned kFirstRetiredSlot = 0x82, kLastRetiredSlot = 0x95;
// CKA_ID of slots 9a, 9c, 9d, 9e; those of the retired slots go on from 5 (measured: ykcs11 2.2.0, OpenSC
// 0.23.0).
constexpr std::array<std::string_view, 4> kSlots{"9a", "9c", "9d", "9e"};

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kAlgorithms{
    {{"ecdsa-p256", "ECCP256"}, {"ecdsa-p384", "ECCP384"}, {"rsa-2048", "RSA2048"}}};

std::string hex(unsigned byte) {
  std::array<char, 3> text{};
  std::snprintf(text.data(), text.size(), "%02x", byte & 0xffU);
  return text.data();
}

unsigned key_id(std::string_view slot) {
  const auto* const named = std::find(kSlots.begin(), kSlots.end(), slot);
  if (named != kSlots.end()) return static_cast<unsigned>(named - kSlots.begin()) + 1;
  return static_cast<unsigned>(std::stoul(std::string(slot), nullptr, 16)) - kFirstRetiredSlot + 5;
}

bool is_opensc(const TokenInfo& token) {
  return token.manufacturer.starts_with("piv_II");
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// A word of a shell's command line.
std::string shell_word(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("._-=/").find(c) != std::string_view::npos;
  });
  if (plain) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

// ykcs11 tells the YubiKey's own serial number; OpenSC one that it makes of the CHUID.
bool tells_serial(const TokenInfo& token) {
  return !is_opensc(token) && !token.serial.empty() &&
         std::all_of(token.serial.begin(), token.serial.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string ykman_of(const TokenInfo& token) {
  return tells_serial(token) ? "ykman --device " + token.serial + " piv " : "ykman piv ";
}

}  // namespace

std::vector<std::string> piv_slots() {
  std::vector<std::string> slots(kSlots.begin(), kSlots.end());
  for (unsigned slot = kFirstRetiredSlot; slot <= kLastRetiredSlot; ++slot) slots.push_back(hex(slot));
  return slots;
}

bool is_piv(const TokenInfo& token) {
  return is_opensc(token) || token.manufacturer.starts_with("Yubico");
}

std::optional<std::string> why_by_ykman(const TokenInfo& token, const PivKey& key) {
  const std::string name = "The module of token \"" + token.name + "\"";
  if (is_opensc(token)) return name + " (OpenSC) makes no keys on PIV cards.";
  if (key.touch_policy != "never")
    return name + " makes keys that need no touch, and this one is to ask for it.";
  if (key.pin_policy != "default") return name + " gives a key the PIN policy of its slot, and no other.";
  return std::nullopt;
}

Result<PivCommands> piv_commands(const TokenInfo& token, const PivKey& key) {
  const auto* const algorithm = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                             [&](const auto& row) { return row.first == key.algorithm; });
  if (algorithm == kAlgorithms.end())
    return Error{
        ErrorName::InvalidParameter,
        "Keys of algorithm " + key.algorithm +
            " on a PIV card cannot be used through the modules that there are for it. Use ecdsa-p256, "
            "ecdsa-p384 or rsa-2048.",
        {{"parameter", "--algorithm"}}};
  PivCommands commands;
  commands.public_key_file = key.name + ".pem";
  const std::string file = shell_word(commands.public_key_file);
  const std::string ykman = ykman_of(token);
  commands.lines.push_back(ykman + "keys generate --algorithm " + std::string(algorithm->second) +
                           " --pin-policy " + upper(key.pin_policy) + " --touch-policy " +
                           upper(key.touch_policy) + " " + key.slot + " " + file);
  commands.remarks.push_back("A key that slot " + key.slot + " holds now is lost.");
  if (!is_opensc(token)) return commands;
  // OpenSC 0.23 sees no key without a certificate.
  commands.lines.push_back(ykman + "certificates generate --subject " + shell_word("CN=" + key.name) + " " +
                           key.slot + " " + file);
  commands.remarks.emplace_back(
      "OpenSC does not tell the YubiKey's serial number: leave no other YubiKey plugged in.");
  return commands;
}

std::string piv_key_id(std::string_view slot) {
  return hex(key_id(slot));
}

std::string piv_key_uri(const TokenInfo& token, std::string_view slot) {
  return token.uri + ";id=%" + piv_key_id(slot) + ";type=private";
}

std::optional<std::string> piv_import_command(const TokenInfo& token, std::string_view key_uri,
                                              const std::string& file) {
  if (!is_piv(token)) return std::nullopt;
  std::string uri(key_uri);
  std::ranges::transform(uri, uri.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const std::string& slot : piv_slots()) {
    const std::size_t at = uri.find(";id=%" + hex(key_id(slot)));
    const std::size_t end = at + 7;  // one byte, and nothing behind it
    if (at == std::string::npos || (end < uri.size() && uri[end] != ';')) continue;
    return ykman_of(token) + "certificates import " + slot + " " + shell_word(file == "-" ? "FILE" : file);
  }
  return std::nullopt;
}

const TokenInfo* find_again(const std::vector<TokenInfo>& now, const TokenInfo& before) {
  const TokenInfo* only = nullptr;
  for (const TokenInfo& token : now) {
    if (token.module == before.module && token.serial == before.serial && token.label == before.label)
      return &token;
    if (token.module != before.module || !is_piv(token)) continue;
    if (only != nullptr) return nullptr;
    only = &token;
  }
  // Of two cards the one that went must not be taken for the one that stayed.
  return before.manufacturer.starts_with("piv_II") ? only : nullptr;
}

}  // namespace signet::client
