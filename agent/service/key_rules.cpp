#include "agent/service/key_rules.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "agent/service/parameters.h"

namespace signet {
namespace {

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
}

bool is_hex_digit(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}

constexpr std::array<std::string_view, 6> kUses{"tuf",        "certificate", "approval",
                                                "checkpoint", "message",     "digest"};
constexpr std::string_view kUsesText =
    "tuf and/or certificate, approval, checkpoint, or message, digest and/or certificate";

// The ledger says the same of a key's whole life (excluded_use).
bool excludes(std::string_view use, std::string_view other) {
  if (use == other) return false;
  if (use == "approval" || use == "checkpoint") return true;
  return use == "tuf" && other != "certificate";
}

}  // namespace

Result<void> check_key_name(std::string_view name) {
  const bool fits = !name.empty() && name.size() <= kMaxKeyName && name.front() != '.' &&
                    name.front() != '-' && std::all_of(name.begin(), name.end(), is_name_character);
  if (!fits)
    return invalid_parameter(
        "name",
        "A key's name is 1 to 64 letters, digits, dots, underscores or hyphens, and does not "
        "begin with a dot or a hyphen.");
  if (name.size() == 64 && std::all_of(name.begin(), name.end(), is_hex_digit))
    return invalid_parameter("name", "A key's name must not look like a key id (64 hexadecimal digits).");
  return {};
}

Result<void> check_key_uses(const std::vector<std::string>& uses) {
  if (uses.empty())
    return invalid_parameter("uses", "Say what the key is for: " + std::string(kUsesText) + ".");
  for (const std::string& use : uses) {
    if (std::find(kUses.begin(), kUses.end(), use) == kUses.end())
      return invalid_parameter(
          "uses", "There is no use \"" + use + "\": a key is for " + std::string(kUsesText) + ".");
    if (std::count(uses.begin(), uses.end(), use) > 1)
      return invalid_parameter("uses", "The use " + use + " is named twice.");
  }
  for (const std::string& use : uses)
    for (const std::string& other : uses)
      if (excludes(use, other))
        return Error{ErrorName::PolicyDenied,
                     "A key for " + use + " does not serve for " + other +
                         ": a signature over bytes that the agent cannot read could be one over metadata, an "
                         "approval or a checkpoint. Use a second key for the rest.",
                     {{"rule", use + "-excludes-" + other}}};
  return {};
}

Result<void> check_evidence(const std::string& name, const KeyEvidence& evidence) {
  if (evidence.extractable)
    return Error{ErrorName::KeyRefused,
                 "The key object for " + name +
                     " is extractable (CKA_EXTRACTABLE): it can leave its token, so Signet does "
                     "not sign with it. Generate a key on the token instead (signet key generate).",
                 {{"key", name}, {"why", "extractable"}}};
  if (!evidence.sensitive)
    return Error{ErrorName::KeyRefused,
                 "The key object for " + name +
                     " is not sensitive (CKA_SENSITIVE): its value can be read, so Signet does "
                     "not sign with it. Generate a key on the token instead (signet key generate).",
                 {{"key", name}, {"why", "not-sensitive"}}};
  return {};
}

}  // namespace signet
