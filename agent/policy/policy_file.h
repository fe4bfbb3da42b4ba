// The policy of an agent: where it is, and whether it can be trusted.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "agent/policy/parse_policy.h"
#include "agent/policy/policy.h"
#include "protocol/result.h"

namespace signet {

inline constexpr const char* kSystemPolicyFile = "/etc/signet/policy.toml";
inline constexpr const char* kBuiltinPolicySource = "built-in";

// Where an agent finds its policy.
struct PolicyPlace {
  std::filesystem::path file;  // empty: the built-in policy
  // The file and all above it must belong to root, and nobody else may write to them; and so the JWK sets
  // that it names, where they are there. Else: the file must belong to root or the agent's user, and not
  // everybody may write to it.
  bool system = false;
};
// What the configuration names, if it names one. Else in system mode kSystemPolicyFile; else
// $XDG_CONFIG_HOME/signet/policy.toml if it is there, or the built-in policy.
PolicyPlace choose_policy_place(const std::filesystem::path& configured, bool system);

// A policy that is in force, with the text that it comes from. Shared, never changed: a call keeps the one
// that it began with, whatever SIGHUP does.
struct LoadedPolicy {
  Policy policy;
  std::string source;  // its file, or kBuiltinPolicySource
  std::string text;
};
using LoadedPolicyPtr = std::shared_ptr<const LoadedPolicy>;

// FileFault for a file that cannot be read or trusted, or that has mistakes: all of them, a line of the
// message for each.
Result<LoadedPolicyPtr> load_policy(const PolicyPlace& place, const PolicyAccounts& accounts);
LoadedPolicyPtr load_builtin_policy(const PolicyAccounts& accounts);

}  // namespace signet
