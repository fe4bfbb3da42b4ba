#include "agent/policy/parse_policy.h"

#include <algorithm>
#include <array>

#include "agent/policy/policy_table.h"

namespace signet {
namespace {

constexpr std::array<std::string_view, 3> kRootKeys{"principal", "issuer", "rule"};
constexpr const char* kSample = "docs/policy.toml.sample";

void read_each(TableReader& root, std::string_view key, std::size_t most,
               const std::function<void(const toml::value&)>& read_one) {
  const toml::value* value = root.find(key);
  if (value != nullptr && value->is_array() && value->as_array().size() > most)
    return root.fail(value->as_array()[most], key, "there are more than " + std::to_string(most) + ".");
  root.each_table(key, read_one);
}

// Rules name principals and issuers, so these are read first, wherever they stand.
void read_root(PolicyParse& parse, const toml::value& value) {
  TableReader root(parse.fault, value, "", kRootKeys);
  read_each(root, "principal", kMaxPrincipals, [&](const toml::value& one) { read_principal(parse, one); });
  read_each(root, "issuer", kMaxIssuers, [&](const toml::value& one) { read_issuer(parse, one); });
  read_each(root, "rule", kMaxRules, [&](const toml::value& one) { read_rule(parse, one); });
}

}  // namespace

ParsedPolicy parse_policy(std::string_view text, const PolicyAccounts& accounts) {
  ParsedPolicy parsed;
  parsed.policy.overflow_uid = accounts.overflow_uid;
  ConfigFault fault;
  fault.all = true;
  PolicyParse parse{fault, accounts, parsed.policy, {}};
  read_toml(text, kSample, fault, [&parse](const toml::value& root) { read_root(parse, root); });
  std::stable_sort(fault.mistakes.begin(), fault.mistakes.end(),
                   [](const ConfigMistake& a, const ConfigMistake& b) { return a.line < b.line; });
  parsed.mistakes = std::move(fault.mistakes);
  return parsed;
}

std::vector<std::string> known_policy_keys() {
  std::vector<std::string> keys;
  const auto add = [&keys](const std::string& table, std::span<const std::string_view> names) {
    for (const std::string_view name : names) keys.push_back(table + "." + std::string(name));
  };
  add("principal", principal_keys());
  add("issuer", issuer_keys());
  add("rule", rule_keys());
  return keys;
}

}  // namespace signet
