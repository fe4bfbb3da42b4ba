#include "agent/policy/limits.h"

#include <algorithm>
#include <array>

#include "agent/policy/sentences.h"
#include "agent/policy/time_span.h"

namespace signet {
namespace {

constexpr auto has_key = [](const ActionFacts& facts) { return facts.key == Presence::Required; };
constexpr auto has_token = [](const ActionFacts& facts) { return facts.token != Presence::Absent; };
constexpr auto needs_token = [](const ActionFacts& facts) { return facts.token == Presence::Required; };
constexpr auto has_repository = [](const ActionFacts& facts) {
  return facts.repository == Presence::Required;
};
constexpr auto has_metadata = [](const ActionFacts& facts) { return facts.metadata == Presence::Required; };
constexpr auto has_expiry = [](const ActionFacts& facts) { return facts.expires != Presence::Absent; };
constexpr auto always = [](const ActionFacts&) { return true; };

constexpr std::array<RuleKey, 6> kSelectorKeys{{
    {"key", has_key, "concerns no key"},
    {"algorithm", has_key, "concerns no key"},
    {"use", has_key, "concerns no key"},
    {"token", has_token, "concerns no token"},
    {"repository", has_repository, "concerns no repository"},
    {"role", has_repository, "concerns no role"},
}};

constexpr std::array<RuleKey, 19> kLimitKeys{{
    {"expires-at-least", has_expiry, "signs nothing that expires"},
    {"expires-at-most", has_expiry, "signs nothing that expires"},
    {"versions-per-hour", has_metadata, "signs no metadata"},
    {"hours", always, ""},
    {"target-paths", has_metadata, "signs no metadata"},
    {"most-changed-targets", has_metadata, "signs no metadata"},
    {"least-threshold", has_metadata, "signs no metadata"},
    {"least-root-keys", has_metadata, "signs no metadata"},
    {"refused-algorithms", has_key, "concerns no key"},
    {"attestation", has_key, "concerns no key"},
    {"least-firmware", has_key, "concerns no key"},
    {"touch-policies", has_key, "concerns no key"},
    {"pin-policies", has_key, "concerns no key"},
    {"shared-keys", has_metadata, "signs no metadata"},
    {"approvals", has_metadata, "signs no metadata"},
    {"approvers", has_metadata, "signs no metadata"},
    {"requester-may-approve", has_metadata, "signs no metadata"},
    {"confirm", always, ""},
    {"pin-cache", needs_token, "needs no token's PIN"},
}};

using Findings = std::vector<BrokenLimit>;

void check_expiry(const PolicyLimits& limits, const PolicyRequest& request, Findings& findings) {
  const auto check = [&](const char* key, std::optional<std::chrono::seconds> limit, bool at_least) {
    if (!limit) return;
    if (!request.expires) return findings.push_back({key, "it is not known when it expires", true});
    const std::chrono::seconds left = *request.expires - request.now;
    if (at_least ? left >= *limit : left <= *limit) return;
    findings.push_back({key, "it expires in " + rounded_span_text(left) + ", and " +
                                 (at_least ? "at least " : "at most ") + span_text(*limit) + " are allowed"});
  };
  check("expires-at-least", limits.expires_at_least, true);
  check("expires-at-most", limits.expires_at_most, false);
}

void check_hours(const PolicyLimits& limits, const PolicyRequest& request, Findings& findings) {
  const auto open = [&](const WeekHours& hours) { return hours.contains(request.now); };
  if (limits.hours.empty() || std::any_of(limits.hours.begin(), limits.hours.end(), open)) return;
  std::string when;
  for (const WeekHours& hours : limits.hours) when += (when.empty() ? "" : ", ") + hours.text();
  findings.push_back({"hours", "it is allowed " + when + " only, and now it is " + week_time(request.now)});
}

void check_versions(const PolicyLimits& limits, const PolicyRequest& request, Findings& findings) {
  if (!limits.versions_per_hour) return;
  constexpr const char* kKey = "versions-per-hour";
  if (!request.metadata || !request.metadata->other_versions_last_hour)
    return findings.push_back({kKey, "it is not known how many versions were signed in the last hour", true});
  const std::int64_t others = *request.metadata->other_versions_last_hour;
  if (others < *limits.versions_per_hour) return;
  findings.push_back({kKey, count_text(others, "other version") + " of this role " +
                                (others == 1 ? "was" : "were") + " signed in the last hour, and " +
                                std::to_string(*limits.versions_per_hour) + " in all are allowed"});
}

bool path_allowed(const std::vector<Glob>& patterns, const std::string& path) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const Glob& pattern) { return pattern.matches(path); });
}

void check_target_paths(const PolicyLimits& limits, const PolicyMetadata& metadata, Findings& findings) {
  constexpr const char* kKey = "target-paths";
  if (!metadata.changed_targets || !metadata.delegations_changed)
    return findings.push_back({kKey, "it is not known which targets change", true});
  // Who may change the delegations can have any target signed by a key of their own.
  if (*metadata.delegations_changed)
    findings.push_back({kKey, "the delegations change, and only targets may"});
  const std::string* first = nullptr;
  std::int64_t outside = 0;
  for (const std::string& path : *metadata.changed_targets) {
    if (path_allowed(limits.target_paths, path)) continue;
    if (first == nullptr) first = &path;
    ++outside;
  }
  if (first == nullptr) return;
  std::string allowed;
  for (const Glob& pattern : limits.target_paths)
    allowed += (allowed.empty() ? "" : ", ") + quoted_name(pattern.text());
  findings.push_back({kKey, count_text(outside, "changed target") + " " + (outside == 1 ? "is" : "are") +
                                " outside " + allowed + ": " + quoted_name(*first) +
                                (outside == 1 ? "" : " first")});
}

void check_targets(const PolicyLimits& limits, const PolicyRequest& request, Findings& findings) {
  if (limits.target_paths.empty() && !limits.most_changed_targets) return;
  static const PolicyMetadata nothing_known = [] {
    PolicyMetadata unknown;
    unknown.type = RoleType::Targets;
    return unknown;
  }();
  const PolicyMetadata& metadata = request.metadata ? *request.metadata : nothing_known;
  if (metadata.type != RoleType::Targets) return;
  if (!limits.target_paths.empty()) check_target_paths(limits, metadata, findings);
  if (!limits.most_changed_targets) return;
  constexpr const char* kKey = "most-changed-targets";
  if (!metadata.changed_targets)
    return findings.push_back({kKey, "it is not known how many targets change", true});
  const auto changed = static_cast<std::int64_t>(metadata.changed_targets->size());
  if (changed > *limits.most_changed_targets)
    findings.push_back({kKey, count_text(changed, "target") + " " + (changed == 1 ? "changes" : "change") +
                                  " at once, and at most " + std::to_string(*limits.most_changed_targets) +
                                  " may"});
}

void check_thresholds(const PolicyLimits& limits, const PolicyRequest& request, Findings& findings) {
  if (limits.least_threshold.empty()) return;
  constexpr const char* kKey = "least-threshold";
  const bool defines_none = request.metadata && (request.metadata->type == RoleType::Snapshot ||
                                                 request.metadata->type == RoleType::Timestamp);
  if (defines_none) return;
  if (!request.metadata || !request.metadata->thresholds)
    return findings.push_back({kKey, "the thresholds that it sets are not known", true});
  for (const auto& [role, least] : limits.least_threshold) {
    const auto set = request.metadata->thresholds->find(role);
    if (set == request.metadata->thresholds->end() || set->second >= least) continue;
    findings.push_back({kKey, "it sets the threshold of " + quoted_name(role) + " to " +
                                  std::to_string(set->second) + ", and at least " + std::to_string(least) +
                                  " is allowed"});
  }
}

void check_root_keys(const PolicyLimits& limits, const PolicyRequest& request, Findings& findings) {
  if (!limits.least_root_keys) return;
  constexpr const char* kKey = "least-root-keys";
  if (request.metadata && request.metadata->type != RoleType::Root) return;
  if (!request.metadata || !request.metadata->root_keys)
    return findings.push_back({kKey, "the number of its root keys is not known", true});
  if (*request.metadata->root_keys < *limits.least_root_keys)
    findings.push_back({kKey, "it has " + count_text(*request.metadata->root_keys, "root key") +
                                  ", and at least " + std::to_string(*limits.least_root_keys) +
                                  " are needed"});
}

void check_algorithm(const PolicyLimits& limits, const PolicyRequest& request, Findings& findings) {
  if (limits.refused_algorithms.empty()) return;
  constexpr const char* kKey = "refused-algorithms";
  if (!request.key) return findings.push_back({kKey, "the key's algorithm is not known", true});
  const auto& refused = limits.refused_algorithms;
  if (std::find(refused.begin(), refused.end(), request.key->algorithm) != refused.end())
    findings.push_back({kKey, "the key is of algorithm " + std::string(to_string(request.key->algorithm)) +
                                  ", which is refused"});
}

template <typename Policy>
void check_one_of(const char* key, const char* which, const std::vector<Policy>& allowed, Policy present,
                  Findings& findings) {
  if (allowed.empty() || std::find(allowed.begin(), allowed.end(), present) != allowed.end()) return;
  std::string list;
  for (const Policy one : allowed) list += (list.empty() ? "" : ", ") + std::string(to_string(one));
  findings.push_back({key, std::string("the key's ") + which + " policy is " +
                               std::string(to_string(present)) + ", and allowed is: " + list});
}

void check_attestation(const PolicyLimits& limits, const PolicyRequest& request, Findings& findings) {
  const char* const first = limits.attestation               ? "attestation"
                            : limits.least_firmware          ? "least-firmware"
                            : !limits.touch_policies.empty() ? "touch-policies"
                            : !limits.pin_policies.empty()   ? "pin-policies"
                                                             : nullptr;
  if (first == nullptr || (request.key && request.key->to_be_made)) return;
  if (!request.key || !request.key->attestation) {
    const std::string why = request.key ? request.key->no_attestation : std::string();
    return findings.push_back(
        {first,
         "the key has no attestation that this agent verified" + (why.empty() ? why : " (" + why + ")"),
         true});
  }
  const KeyAttestation& facts = *request.key->attestation;
  if (limits.least_firmware && facts.firmware < *limits.least_firmware)
    findings.push_back({"least-firmware", "its token has firmware " + to_string(facts.firmware) +
                                              ", and at least " + to_string(*limits.least_firmware) +
                                              " is needed"});
  check_one_of("touch-policies", "touch", limits.touch_policies, facts.touch, findings);
  check_one_of("pin-policies", "PIN", limits.pin_policies, facts.pin, findings);
}

}  // namespace

std::span<const RuleKey> selector_keys() {
  return kSelectorKeys;
}

std::span<const RuleKey> limit_keys() {
  return kLimitKeys;
}

std::string lacking_actions(const std::vector<Action>& actions, const RuleKey& key) {
  std::string first;
  std::int64_t more = 0;
  for (const Action action : actions) {
    if (key.concerns(facts_of(action))) continue;
    if (!first.empty()) ++more;
    if (first.empty()) first = std::string(to_string(action)) + " " + std::string(key.lacks);
  }
  return more == 0 ? first : first + " (as " + std::to_string(more) + " more of the rule's actions)";
}

std::vector<BrokenLimit> broken_limits(const PolicyLimits& limits, const PolicyRequest& request) {
  Findings findings;
  check_expiry(limits, request, findings);
  check_versions(limits, request, findings);
  check_hours(limits, request, findings);
  check_targets(limits, request, findings);
  check_thresholds(limits, request, findings);
  check_root_keys(limits, request, findings);
  check_algorithm(limits, request, findings);
  check_attestation(limits, request, findings);
  return findings;
}

}  // namespace signet
