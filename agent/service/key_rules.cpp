#include "agent/service/key_rules.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "agent/service/parameters.h"
#include "agent/tokens/token_uri.h"

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

Error key_not_found(const std::string& name) {
  return {ErrorName::NotFound,
          "No key named " + name + " is enrolled in this agent. See \"signet key list\".",
          {{"kind", "key"}, {"name", name}}};
}

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

Result<void> check_further_location(const LedgerKey& key, const FoundKey& found) {
  if (found.spki != key.spki)
    return invalid_parameter("uri",
                             "The key object is another one than " + key.name +
                                 ": their public keys differ. A key on several tokens is one key, "
                                 "replicated by the vendor's means; enrol this one by a name of its own.");
  return check_evidence(key.name, found.evidence);
}

Result<KeyShare> key_share(const std::optional<std::int64_t>& order,
                           const std::optional<std::int64_t>& weight) {
  KeyShare share;
  const std::int64_t wanted_order = order.value_or(share.order);
  const std::int64_t wanted_weight = weight.value_or(share.weight);
  if (wanted_order < 0 || wanted_order > kMostKeyOrder)
    return invalid_parameter("order", "A token's order is 0 to " + std::to_string(kMostKeyOrder) +
                                          ": tokens of the lowest order that work are used.");
  if (wanted_weight < 1 || wanted_weight > kMostKeyWeight)
    return invalid_parameter("weight", "A token's weight is 1 to " + std::to_string(kMostKeyWeight) +
                                           ": its part of the load among the tokens of its order.");
  share.order = static_cast<int>(wanted_order);
  share.weight = static_cast<int>(wanted_weight);
  return share;
}

namespace {

// By label, serial number or URI: also of a token that is not there any more.
bool names_token(const std::string& selector, const LedgerKeyLocation& location) {
  if (selector == location.token_label || selector == location.token_serial || selector == location.uri)
    return true;
  const auto uri = parse_token_uri(selector);
  if (!uri || (!uri->label && !uri->serial)) return false;
  return (!uri->label || *uri->label == location.token_label) &&
         (!uri->serial || *uri->serial == location.token_serial);
}

}  // namespace

Result<LedgerKeyLocation> named_location(const LedgerKey& key, const std::string& selector) {
  std::vector<LedgerKeyLocation> all{first_location(key)};
  all.insert(all.end(), key.also.begin(), key.also.end());
  std::erase_if(all, [&](const LedgerKeyLocation& one) { return !names_token(selector, one); });
  if (all.size() == 1) return std::move(all.front());
  if (all.empty())
    return Error{ErrorName::NotFound,
                 "The key " + key.name + " is not enrolled on a token \"" + selector +
                     "\". \"signet key show\" names its tokens.",
                 {{"kind", "token"}, {"name", selector}}};
  return invalid_parameter("token", "\"" + selector + "\" fits several tokens of the key " + key.name +
                                        ". Give the serial number.");
}

}  // namespace signet
