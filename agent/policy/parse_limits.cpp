// [[rule]]: its limits, and what it asks for besides.
#include <algorithm>
#include <array>

#include "agent/policy/limits.h"
#include "agent/policy/policy_table.h"

namespace signet {
namespace {

using std::chrono::seconds;

constexpr std::array<std::string_view, 2> kAttestations{"any", "required"};
constexpr std::array<std::string_view, 2> kConfirms{"none", "person"};
constexpr seconds kShortestExpiry{60};
constexpr seconds kLongestExpiry = std::chrono::days(36500);
constexpr seconds kShortestPinCache{1};
constexpr seconds kLongestPinCache = std::chrono::days(30);
constexpr std::int64_t kMostVersions = 100'000;
constexpr std::int64_t kMostTargets = 1'000'000;
constexpr std::int64_t kMostKeys = static_cast<std::int64_t>(kMaxKeysPerRole);
constexpr std::int64_t kMostApprovals = static_cast<std::int64_t>(kMaxPrincipals);

void read_expiry(PolicyTable& table, PolicyLimits& limits) {
  limits.expires_at_least = table.span_of_time("expires-at-least", kShortestExpiry, kLongestExpiry);
  limits.expires_at_most = table.span_of_time("expires-at-most", kShortestExpiry, kLongestExpiry);
  if (limits.expires_at_least && limits.expires_at_most && *limits.expires_at_least > *limits.expires_at_most)
    table.fail("expires-at-least", "is longer than expires-at-most: nothing could be within both.");
}

void read_hours(PolicyTable& table, PolicyLimits& limits) {
  table.each_text("hours", [&](const std::string& text, const toml::value& where) {
    if (const std::optional<WeekHours> hours = WeekHours::parse(text)) return limits.hours.push_back(*hours);
    table.fail(
        where, "hours",
        "must be days, hours and the zone, as \"mon-fri 08:00-18:00 UTC\" or \"daily 22:00-06:00 UTC\". "
        "UTC is the only zone.");
  });
}

// A number is for the role root; a table says which roles.
void read_thresholds(PolicyTable& table, PolicyLimits& limits) {
  constexpr std::string_view kKey = "least-threshold";
  const toml::value* value = table.find(kKey);
  if (value == nullptr) return;
  const auto fits = [](const toml::value& one) {
    return one.is_integer() && one.as_integer() >= 1 && one.as_integer() <= kMostKeys;
  };
  if (fits(*value)) {
    limits.least_threshold["root"] = value->as_integer();
    return;
  }
  const bool good_table = value->is_table() && !value->as_table().empty() &&
                          value->as_table().size() <= kMaxListElements &&
                          std::all_of(value->as_table().begin(), value->as_table().end(),
                                      [&](const auto& one) { return fits(one.second); });
  if (!good_table)
    return table.fail(kKey,
                      "must be a whole number from 1 to " + std::to_string(kMostKeys) +
                          " for the role root, or a table of them by role, as { root = 2, targets = 2 }.");
  for (const auto& [role, least] : value->as_table()) {
    if (const Result<void> good = check_role_name(role, MetadataFormat::Tuf); !good)
      table.fail(kKey, good.error().message);
    limits.least_threshold[role] = least.as_integer();
  }
}

template <typename Policy, typename Parse>
void read_policies(PolicyTable& table, std::string_view key, Parse parse, std::string_view known,
                   std::vector<Policy>& out) {
  table.each_text(key, [&](const std::string& text, const toml::value& where) {
    if (const std::optional<Policy> policy = parse(text)) return out.push_back(*policy);
    table.fail(where, key, "\"" + text + "\" is none. There is: " + std::string(known) + ".");
  });
}

void read_attestation(PolicyTable& table, PolicyLimits& limits) {
  std::string attestation = "any";
  table.one_of("attestation", attestation, kAttestations);
  limits.attestation = attestation == "required";
  std::string firmware;
  table.read("least-firmware", firmware);
  if (const toml::value* value = table.find("least-firmware"); value != nullptr && value->is_string()) {
    limits.least_firmware = parse_firmware_version(firmware);
    if (!limits.least_firmware)
      table.fail("least-firmware", "\"" + firmware +
                                       "\" is no version of a firmware. Write it as \"5.7\" or "
                                       "\"5.7.1\".");
  }
  read_policies(table, "touch-policies", parse_touch_policy, "never, always, cached", limits.touch_policies);
  read_policies(table, "pin-policies", parse_pin_policy, "never, once, always, match-once, match-always",
                limits.pin_policies);
}

void read_shared_keys(PolicyTable& table, PolicyRule& rule) {
  table.each_text("shared-keys", [&](const std::string& text, const toml::value& where) {
    if (!text.empty() && text.find_first_of("*?\\") == std::string::npos)
      return rule.shared_keys.push_back(text);
    table.fail(where, "shared-keys",
               "must be whole names of keys: a pattern would share keys that nobody meant.");
  });
}

void read_approvals(PolicyTable& table, PolicyNeeds& needs, const Policy& policy) {
  needs.approvals = table.number("approvals", 1, kMostApprovals).value_or(0);
  bool all_known = true;
  table.each_text("approvers", [&](const std::string& name, const toml::value& where) {
    all_known = all_known && find_principal(policy, name) != nullptr;
    if (find_principal(policy, name) == nullptr)
      return table.fail(where, "approvers",
                        "there is no [[principal]] of the name \"" + name + "\". Write one.");
    if (std::find(needs.approvers.begin(), needs.approvers.end(), name) == needs.approvers.end())
      needs.approvers.push_back(name);
  });
  table.read("requester-may-approve", needs.requester_may_approve);
  for (const char* key : {"approvers", "requester-may-approve"})
    if (table.has(key) && !table.has("approvals"))
      table.fail(key, "has no meaning without approvals. Say how many are needed, as approvals = 1.");
  if (!table.has("approvals")) return;
  if (!table.has("approvers"))
    return table.fail("approvals", "needs approvers: the names of the principals who may give them.");
  if (all_known && needs.approvals > static_cast<std::int64_t>(needs.approvers.size()))
    table.fail("approvals", "is " + std::to_string(needs.approvals) + ", and there are " +
                                std::to_string(needs.approvers.size()) +
                                " approvers: nothing could ever be approved. Lower it, or name more.");
}

void read_pin_cache(PolicyTable& table, PolicyNeeds& needs) {
  constexpr std::string_view kKey = "pin-cache";
  const toml::value* value = table.find(kKey);
  if (value != nullptr && value->is_string() && value->as_string().str == "never") {
    needs.pin_cache = seconds(0);
  } else {
    needs.pin_cache = table.span_of_time(kKey, kShortestPinCache, kLongestPinCache, " Or \"never\".");
  }
}

void read_needs(PolicyTable& table, PolicyRule& rule, const Policy& policy) {
  read_approvals(table, rule.needs, policy);
  std::string confirm = "none";
  table.one_of("confirm", confirm, kConfirms);
  if (confirm == "person") rule.needs.confirm = Confirm::Person;
  read_pin_cache(table, rule.needs);
}

// A limit that an action cannot have would be dropped for it without a word.
void check_limits_fit(PolicyTable& table, const PolicyRule& rule) {
  for (const RuleKey& limit : limit_keys()) {
    if (!table.has(limit.key)) continue;
    if (!rule.allow) {
      table.fail(limit.key, "limits what is allowed, and this rule refuses. Leave it out.");
      continue;
    }
    if (const std::string lacking = lacking_actions(rule.what.actions, limit); !lacking.empty())
      table.fail(limit.key, lacking + ", so this limit could not be held. Give it a rule of its own.");
  }
}

}  // namespace

void read_limits(PolicyTable& table, PolicyRule& rule, const Policy& policy) {
  PolicyLimits& limits = rule.limits;
  read_expiry(table, limits);
  limits.versions_per_hour = table.number("versions-per-hour", 1, kMostVersions);
  read_hours(table, limits);
  table.globs("target-paths", limits.target_paths);
  limits.most_changed_targets = table.number("most-changed-targets", 0, kMostTargets);
  read_thresholds(table, limits);
  limits.least_root_keys = table.number("least-root-keys", 1, kMostKeys);
  table.algorithms("refused-algorithms", limits.refused_algorithms);
  read_attestation(table, limits);
  read_shared_keys(table, rule);
  read_needs(table, rule, policy);
  check_limits_fit(table, rule);
}

}  // namespace signet
