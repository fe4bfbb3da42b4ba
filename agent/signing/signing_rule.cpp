#include "agent/signing/signing_rule.h"

#include <algorithm>
#include <set>

#include "protocol/threshold.h"

namespace signet {
namespace {

Error invalid(std::string_view where, std::string_view why, std::string message) {
  return {ErrorName::MetadataInvalid, std::move(message), {{"where", where}, {"why", why}}};
}

// Adds the role's known keys that are not there yet. A key that Signet cannot read never counts, so it is
// left out.
void add_keys(const DelegatedKeys& delegated, bool being_removed, std::vector<EligibleKey>& keys) {
  for (const MetadataKey& entry : delegated.keys) {
    if (!entry.key) continue;
    const auto same = [&](const EligibleKey& known) { return known.key == *entry.key; };
    if (std::any_of(keys.begin(), keys.end(), same)) continue;
    keys.push_back(EligibleKey{entry.keyid, *entry.key, being_removed});
  }
}

// Whether any role of the root names this public key, under whatever key id.
bool named_in_root(const Signed& root, const PublicKey& key) {
  for (const auto& [name, role] : root.roles)
    for (const std::string& keyid : role.keyids) {
      const auto found = root.keys.find(keyid);
      if (found != root.keys.end() && found->second.key && *found->second.key == key) return true;
    }
  return false;
}

std::string lowered_text(std::string_view role, std::int64_t before, std::int64_t after) {
  return std::string(role) + ": " + std::to_string(before) + " -> " + std::to_string(after);
}

std::vector<std::string> lowered_in_root(const Signed& before, const Signed& after) {
  std::vector<std::string> lowered;
  for (const auto& [name, role] : before.roles) {
    const auto next = after.roles.find(name);
    if (next != after.roles.end() && next->second.threshold < role.threshold)
      lowered.push_back(lowered_text(name, role.threshold, next->second.threshold));
  }
  return lowered;
}

std::vector<std::string> lowered_in_delegations(const Signed& before, const Signed& after) {
  std::vector<std::string> lowered;
  for (const DelegatedRole& role : before.delegations)
    for (const DelegatedRole& next : after.delegations)
      if (next.name == role.name && next.keys.threshold < role.keys.threshold)
        lowered.push_back(lowered_text(role.name, role.keys.threshold, next.keys.threshold));
  if (before.succinct && after.succinct && after.succinct->keys.threshold < before.succinct->keys.threshold)
    lowered.push_back(lowered_text(before.succinct->name_prefix + "-*", before.succinct->keys.threshold,
                                   after.succinct->keys.threshold));
  return lowered;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

Result<void> check_kind(const SigningContext& context, const SigningAsk& ask) {
  const Signed& candidate = *ask.candidate;
  if (candidate.format != context.format)
    return invalid("/_type", "format",
                   "The repository " + context.repository + " holds " +
                       std::string(to_string(context.format)) + " metadata; what is to be signed is " +
                       std::string(to_string(candidate.format)) + " metadata.");
  if (candidate.type != role_type(ask.role))
    return invalid("/_type", "type",
                   "The role " + ask.role + " takes metadata of type " +
                       std::string(to_string(role_type(ask.role))) + "; what is to be signed is of type " +
                       std::string(to_string(candidate.type)) + ". Name the role that this file is for.");
  if (candidate.expires_at <= context.now)
    return invalid("/expires", "expired",
                   "The metadata expires at " + candidate.expires +
                       ", which is past: no client would accept it. Set a later expiry and sign again.");
  return {};
}

Result<void> check_root_version(const SigningContext& context, const SigningAsk& ask) {
  const std::int64_t version = ask.candidate->version;
  if (context.trusted_root == nullptr) {
    if (version == 1) return {};
    return invalid(
        "/version", "root-version",
        "No root of " + context.repository + " is trusted yet, so the first one must be version 1; this is " +
            std::to_string(version) + ". If the repository exists already, use \"signet repository adopt\".");
  }
  const std::int64_t trusted = context.trusted_root->version;
  if (version == trusted + 1) return {};
  if (version == trusted && ask.digest == context.trusted_root_digest) return {};  // one more signature on it
  return invalid(
      "/version", "root-version",
      "The trusted root of " + context.repository + " is version " + std::to_string(trusted) +
          ", so the next one must be " + std::to_string(trusted + 1) + "; this is " +
          std::to_string(version) +
          ". If newer roots have been published, show them to the agent first (signet repository observe).");
}

Result<DelegatedKeys> role_keys(const Signed& delegator, const std::string& delegator_name,
                                std::string_view role) {
  Result<DelegatedKeys> keys = delegated_keys(delegator, role);
  if (keys) return keys;
  return invalid(
      "", "not-delegated",
      "The newest known " + delegator_name + " does not name a role " + std::string(role) +
          ". If a newer one is published, show it to the agent first (signet repository observe).");
}

Result<std::vector<EligibleKey>> root_signers(const SigningContext& context, const SigningAsk& ask) {
  std::vector<EligibleKey> keys;
  const Result<DelegatedKeys> own = role_keys(*ask.candidate, "root", "root");
  if (!own) return own.error();
  add_keys(*own, false, keys);
  if (context.trusted_root == nullptr) return keys;
  const Result<DelegatedKeys> old = role_keys(*context.trusted_root, "root", "root");
  if (!old) return old.error();
  add_keys(*old, false, keys);
  for (EligibleKey& entry : keys) entry.being_removed = !named_in_root(*ask.candidate, entry.key);
  return keys;
}

// The metadata that names the role's keys: the trusted root, or for a delegation its observed delegator.
Result<std::vector<EligibleKey>> delegated_signers(const SigningContext& context, const SigningAsk& ask,
                                                   SigningDecision& decision) {
  if (context.trusted_root == nullptr)
    return invalid("", "no-root",
                   "No root of " + context.repository +
                       " is trusted yet: sign root version 1 at its full threshold and "
                       "show it to the agent (signet repository observe), then sign " +
                       ask.role + ".");
  const bool top_level = ask.role == "targets" || ask.role == "snapshot" || ask.role == "timestamp";
  if (context.trusted_root->expires_at <= context.now)
    decision.warnings.push_back("The trusted root expired at " + context.trusted_root->expires +
                                ": clients will refuse the repository until a newer root is published.");
  if (!top_level && context.delegator == nullptr)
    return invalid(
        "", "no-delegator",
        "No observed targets metadata of " + context.repository + " delegates to " + ask.role +
            ". Show the agent the metadata that does (signet repository observe), at its full threshold.");
  const Signed& delegator = top_level ? *context.trusted_root : *context.delegator;
  const Result<DelegatedKeys> named =
      role_keys(delegator, top_level ? "root" : context.delegator_role, ask.role);
  if (!named) return named.error();
  std::vector<EligibleKey> keys;
  add_keys(*named, false, keys);
  return keys;
}

Result<void> check_thresholds(const SigningContext& context, const SigningAsk& ask,
                              SigningDecision& decision) {
  std::vector<std::string> lowered;
  if (ask.role == "root" && context.trusted_root != nullptr)
    lowered = lowered_in_root(*context.trusted_root, *ask.candidate);
  else if (ask.candidate->type == RoleType::Targets && context.observed != nullptr)
    lowered = lowered_in_delegations(*context.observed, *ask.candidate);
  if (lowered.empty()) return {};
  if (!ask.accept_lower_threshold)
    return Error{ErrorName::PolicyDenied,
                 "This " + ask.role + " lowers a threshold (" + joined(lowered) +
                     "): fewer keys could then sign. If that is meant, say so (--accept-lower-threshold).",
                 {{"rule", "lower-threshold"}}};
  decision.lowered = std::move(lowered);
  return {};
}

}  // namespace

Result<SigningDecision> decide_signing(const SigningContext& context, const SigningAsk& ask) {
  SigningDecision decision;
  decision.warnings = ask.candidate->warnings;
  if (const auto kind = check_kind(context, ask); !kind) return kind.error();
  if (ask.role == "root")
    if (const auto version = check_root_version(context, ask); !version) return version.error();
  auto keys = ask.role == "root" ? root_signers(context, ask) : delegated_signers(context, ask, decision);
  if (!keys) return keys.error();
  if (const auto thresholds = check_thresholds(context, ask, decision); !thresholds)
    return thresholds.error();
  if (keys->empty())
    return invalid("", "no-known-key",
                   "The role " + ask.role +
                       " has no key of a type that Signet knows (ECDSA P-256 or P-384, RSA 2048, 3072 "
                       "or 4096, Ed25519).");
  decision.keys = std::move(*keys);
  return decision;
}

}  // namespace signet
