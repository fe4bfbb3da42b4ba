// A machine of the tests' own: its users, and requests that nothing is missing from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/policy/decide.h"
#include "agent/policy/parse_policy.h"

namespace signet::test {

inline constexpr uid_t kSelf = 1000, kAlice = 1001, kBob = 1002;
inline constexpr gid_t kRelease = 2000, kStaff = 2001;

// Users "alice" and "bob", groups "release" and "staff"; the agent runs as kSelf.
PolicyAccounts accounts();

// A policy without a mistake; else the test fails with all of them.
Policy policy(std::string_view text);

// What is wrong with a policy, as "p:LINE: key: why".
std::vector<std::string> mistakes_of(std::string_view text);
// A rule that is good but for what follows it; "more" begins in line 5.
std::string rule(const std::string& more, const std::string& action = "\"sign-metadata\"");

// 2026-11-22 00:00 UTC, a Sunday, and so much later.
std::chrono::sys_seconds at(int hours, int minutes = 0);

// A request of kSelf with every fact that the action has, and metadata of this role's type: version 7,
// expires in 30 days, threshold 2 of 3 root keys, one changed target "app/1.2".
PolicyRequest request(Action action, const std::string& role = "targets");

const std::string& some_fingerprint();

}  // namespace signet::test
