// Reads a policy from TOML. docs/policy.toml.sample documents every key.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/mistake.h"
#include "agent/policy/policy.h"

namespace signet {

inline constexpr std::size_t kMaxRules = 256;
inline constexpr std::size_t kMaxPrincipals = 64;
inline constexpr std::size_t kMaxIssuers = 16;
inline constexpr std::size_t kMaxListElements = 64;  // of any list in a policy
inline constexpr std::size_t kMaxAccounts = 256;   // different users and groups: each is asked of the system
inline constexpr std::size_t kMaxPolicyName = 64;  // of a rule, a principal or an issuer

// What the names in a policy mean on this machine. accounts.h asks the system; tests make their own.
struct PolicyAccounts {
  std::function<std::optional<uid_t>(const std::string&)> uid_of;  // by user name
  std::function<std::optional<gid_t>(const std::string&)> gid_of;  // by group name
  uid_t self = 0;                                                  // "@self": whom the agent runs as
  uid_t overflow_uid = 65534;  // /proc/sys/kernel/overflowuid: nobody's identity
  gid_t overflow_gid = 65534;
};

struct ParsedPolicy {
  Policy policy;                        // usable only without mistakes
  std::vector<ConfigMistake> mistakes;  // all of them, in the order of their lines
};

// Never throws. A text that is not TOML has one mistake, at its line.
ParsedPolicy parse_policy(std::string_view text, const PolicyAccounts& accounts);

// Every key that parse_policy knows, as "rule.expires-at-most".
std::vector<std::string> known_policy_keys();

// The policy of a person's own agent that has no policy file, as TOML.
std::string_view builtin_policy();

}  // namespace signet
