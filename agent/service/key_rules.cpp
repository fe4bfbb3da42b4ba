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
    return invalid_parameter("uses",
                             "Say what the key is for: tuf, approval, checkpoint, or message and/or digest.");
  for (const std::string& use : uses) {
    if (use != "tuf" && use != "approval" && use != "checkpoint" && use != "message" && use != "digest")
      return invalid_parameter("uses",
                               "There is no use \"" + use +
                                   "\": a key is for tuf, approval, checkpoint, or message and/or digest.");
    if (std::count(uses.begin(), uses.end(), use) > 1)
      return invalid_parameter("uses", "The use " + use + " is named twice.");
  }
  if (uses.size() == 1) return {};
  for (const std::string& use : uses)
    if (use == "tuf" || use == "approval" || use == "checkpoint")
      return Error{ErrorName::PolicyDenied,
                   "A key for " + use +
                       " signs nothing else: a signature over bytes that the agent cannot read could be one "
                       "over metadata, an approval or a checkpoint. Use a second key for the rest.",
                   {{"rule", use + "-excludes-" + (uses[0] == use ? uses[1] : uses[0])}}};
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
