// One table of a policy: what agent/config's reader does not have. Internal to agent/policy.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/table_reader.h"
#include "agent/policy/parse_policy.h"

namespace signet {

// What all parts of one parse share. Borrowed.
struct PolicyParse {
  ConfigFault& fault;
  const PolicyAccounts& accounts;
  Policy& policy;
  // By "user:NAME" and "group:NAME", so that each is asked of the system once.
  std::map<std::string, std::optional<std::uint32_t>> looked_up;
};

class PolicyTable : public TableReader {
 public:
  PolicyTable(PolicyParse& parse, const toml::value& value, std::string name,
              std::span<const std::string_view> known)
      : TableReader(parse.fault, value, std::move(name), known), parse_(parse) {}

  using TableReader::read;
  // Nothing if the key is absent or its value is out of range.
  std::optional<std::chrono::seconds> span_of_time(std::string_view key, std::chrono::seconds least,
                                                   std::chrono::seconds most,
                                                   std::string_view besides = {});  // what else it may be
  std::optional<std::int64_t> number(std::string_view key, std::int64_t least, std::int64_t most);
  // A name of the table's own: required, 1 to kMaxPolicyName of [A-Za-z0-9._-], unlike `taken`'s names.
  std::string own_name(const std::string& example, const std::function<bool(const std::string&)>& taken);

  using TextElement = std::function<void(const std::string& text, const toml::value& where)>;
  // The elements of a list, or a single one that is written without brackets. An empty list is a mistake: it
  // would look like a selector and be none.
  void each_text(std::string_view key, const TextElement& read_one);
  void globs(std::string_view key, std::vector<Glob>& out);
  void glob(std::string_view key, const std::string& text, const toml::value& where, std::vector<Glob>& out);
  void algorithms(std::string_view key, std::vector<KeyAlgorithm>& out);
  // "user" or "group" names with their numbers from `resolve`, and "uid" or "gid" numbers.
  void accounts(std::string_view names_key, std::string_view numbers_key, std::vector<std::uint32_t>& out,
                const std::function<std::optional<std::uint32_t>(const std::string&)>& resolve,
                std::uint32_t overflow);
  void users(std::vector<uid_t>& out);
  void groups(std::vector<gid_t>& out);

 private:
  void each(std::string_view key, const std::function<void(const toml::value&)>& read_one);

  PolicyParse& parse_;
};

// [[principal]], [[issuer]] and [[rule]], and the keys that they know.
void read_principal(PolicyParse& parse, const toml::value& value);
void read_issuer(PolicyParse& parse, const toml::value& value);
void read_rule(PolicyParse& parse, const toml::value& value);
std::span<const std::string_view> principal_keys();
std::span<const std::string_view> issuer_keys();
std::span<const std::string_view> rule_keys();

// The limits and needs of one rule, into `rule`, whose `allow` and actions are read already.
void read_limits(PolicyTable& table, PolicyRule& rule, const Policy& policy);

}  // namespace signet
