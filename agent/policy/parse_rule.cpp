// [[rule]]: its name, effect and selectors.
#include <algorithm>
#include <array>
#include <cctype>

#include "agent/policy/decide.h"
#include "agent/policy/limits.h"
#include "agent/policy/policy_table.h"
#include "protocol/metadata.h"

namespace signet {
namespace {

constexpr std::array<std::string_view, 35> kRuleKeys{"name",
                                                     "effect",
                                                     "anyone",
                                                     "user",
                                                     "uid",
                                                     "group",
                                                     "gid",
                                                     "issuer",
                                                     "claims",
                                                     "action",
                                                     "key",
                                                     "algorithm",
                                                     "use",
                                                     "token",
                                                     "repository",
                                                     "role",
                                                     "expires-at-least",
                                                     "expires-at-most",
                                                     "versions-per-hour",
                                                     "hours",
                                                     "target-paths",
                                                     "most-changed-targets",
                                                     "least-threshold",
                                                     "least-root-keys",
                                                     "refused-algorithms",
                                                     "attestation",
                                                     "least-firmware",
                                                     "touch-policies",
                                                     "pin-policies",
                                                     "shared-keys",
                                                     "approvals",
                                                     "approvers",
                                                     "requester-may-approve",
                                                     "confirm",
                                                     "pin-cache"};
constexpr std::array<std::string_view, 2> kEffects{"allow", "refuse"};
constexpr std::array<std::string_view, 7> kUses{"tuf",         "message",  "digest",    "ssh",
                                                "certificate", "approval", "checkpoint"};
constexpr std::array<std::string_view, 3> kReservedNames{kNoRuleMatched, kOverflowUid, kIncompleteRequest};
constexpr std::string_view kAnyAction = "any";

template <typename Names>
std::string list_of(const Names& names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ", ") + std::string(name);
  return list;
}

template <typename Names, typename Name>
bool contains(const Names& names, const Name& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool has_wildcard(std::string_view pattern) {
  return pattern.find_first_of("*?\\") != std::string_view::npos;
}

bool is_fingerprint(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return std::isxdigit(static_cast<unsigned char>(c)) != 0;
         });
}

void read_claims(PolicyTable& table, PolicyParse& parse, WhoSelector& who) {
  const toml::value* issuer = table.find("issuer");
  table.read("issuer", who.issuer);
  if (issuer != nullptr && issuer->is_string() && find_issuer(parse.policy, who.issuer) == nullptr)
    table.fail("issuer",
               "there is no [[issuer]] of the name \"" + who.issuer + "\". Write one, or name another.");
  const toml::value* claims = table.find("claims");
  if (issuer != nullptr && claims == nullptr)
    table.fail("issuer",
               "without claims would let in every job that this issuer vouches for. Add claims, as { "
               "repository = \"org/app\" }.");
  if (claims == nullptr) return;
  if (issuer == nullptr) table.fail("claims", "are an issuer's. Say whose, as issuer = \"github\".");
  if (!claims->is_table() || claims->as_table().empty() || claims->as_table().size() > kMaxListElements)
    return table.fail("claims", "must be a table of 1 to 64 claims, as { repository = \"org/app\" }.");
  std::vector<std::string> names;
  for (const auto& [name, value] : claims->as_table()) names.push_back(name);
  const std::vector<std::string_view> known(names.begin(), names.end());
  PolicyTable inner(parse, *claims, "rule.claims", known);
  for (const std::string& name : names) inner.globs(name, who.claims[name]);
}

void read_who(PolicyTable& table, PolicyParse& parse, WhoSelector& who) {
  table.read("anyone", who.anyone);
  table.users(who.uids);
  table.groups(who.gids);
  read_claims(table, parse, who);
  constexpr std::array<std::string_view, 6> kSelectors{"user", "uid", "group", "gid", "issuer", "claims"};
  const bool selects =
      std::any_of(kSelectors.begin(), kSelectors.end(), [&](std::string_view key) { return table.has(key); });
  if (who.anyone && selects)
    table.fail("anyone", "is true, and the rule names some who it is for as well. Leave one of the two out.");
  if (!who.anyone && !selects)
    table.fail("name",
               "says not who it is for. Add user, uid, group, gid or issuer and claims; or anyone = true.");
}

void read_actions(PolicyTable& table, std::vector<Action>& actions) {
  table.require("action", "\"sign-metadata\"");
  std::size_t elements = 0;
  bool any = false;
  table.each_text("action", [&](const std::string& text, const toml::value& where) {
    ++elements;
    if (text == kAnyAction) {
      any = true;
      return actions.assign(kActions.begin(), kActions.end());
    }
    const std::optional<Action> action = parse_action(text);
    if (action && !contains(actions, *action)) return actions.push_back(*action);
    if (action) return;
    std::string known{kAnyAction};
    for (const Action one : kActions) known += ", " + std::string(to_string(one));
    table.fail(where, "action", "\"" + text + "\" is no action. There is: " + known + ".");
  });
  if (any && elements > 1) table.fail("action", "holds \"any\", which is all of them. Leave out the others.");
}

void read_keys(PolicyTable& table, WhatSelector& what) {
  table.each_text("key", [&](const std::string& text, const toml::value& where) {
    if (!is_fingerprint(text)) return table.glob("key", text, where, what.keys);
    std::string lower = text;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    what.fingerprints.push_back(std::move(lower));
  });
  table.algorithms("algorithm", what.algorithms);
  table.each_text("use", [&](const std::string& text, const toml::value& where) {
    if (contains(kUses, text)) return what.uses.push_back(text);
    table.fail(where, "use", "\"" + text + "\" is no use of a key. There is: " + list_of(kUses) + ".");
  });
}

// Names that no request can have would make a rule that is never applied.
void read_repositories(PolicyTable& table, std::vector<Glob>& out) {
  table.each_text("repository", [&](const std::string& text, const toml::value& where) {
    const bool address =
        text.find("://") != std::string::npos || text.ends_with('/') || text.starts_with('/');
    if (has_wildcard(text) && !address) return table.glob("repository", text, where, out);
    const Result<std::string> normal = normalise_repository(text);
    if (normal) return table.glob("repository", text, where, out);
    table.fail(where, "repository", normal.error().message);
  });
}

void read_roles(PolicyTable& table, std::vector<Glob>& out) {
  table.each_text("role", [&](const std::string& text, const toml::value& where) {
    const Result<void> good =
        has_wildcard(text) ? Result<void>() : check_role_name(text, MetadataFormat::Tuf);
    if (good) return table.glob("role", text, where, out);
    table.fail(where, "role", good.error().message);
  });
}

// An action for which a selector has nothing to match would never get by the rule. "any" is for those that
// have it.
void check_selectors(PolicyTable& table, const std::vector<Action>& actions) {
  if (actions.size() == kActions.size()) return;
  for (const RuleKey& selector : selector_keys()) {
    if (!table.has(selector.key)) continue;
    if (const std::string lacking = lacking_actions(actions, selector); !lacking.empty())
      table.fail(selector.key, lacking + ", so the rule would never be for it. Give it a rule of its own.");
  }
}

bool name_taken(const Policy& policy, const std::string& name) {
  return contains(kReservedNames, name) ||
         std::any_of(policy.rules.begin(), policy.rules.end(),
                     [&](const PolicyRule& other) { return other.name == name; });
}

}  // namespace

std::span<const std::string_view> rule_keys() {
  return kRuleKeys;
}

void read_rule(PolicyParse& parse, const toml::value& value) {
  PolicyTable table(parse, value, "rule", kRuleKeys);
  if (!value.is_table()) return;
  PolicyRule rule;
  rule.line = value.location().line();
  rule.name = table.own_name("\"ci-timestamp\"",
                             [&](const std::string& name) { return name_taken(parse.policy, name); });
  std::string effect = "allow";
  table.one_of("effect", effect, kEffects);
  rule.allow = effect == "allow";
  read_who(table, parse, rule.who);
  read_actions(table, rule.what.actions);
  read_keys(table, rule.what);
  table.globs("token", rule.what.tokens);
  read_repositories(table, rule.what.repositories);
  read_roles(table, rule.what.roles);
  check_selectors(table, rule.what.actions);
  read_limits(table, rule, parse.policy);
  parse.policy.rules.push_back(std::move(rule));
}

}  // namespace signet
