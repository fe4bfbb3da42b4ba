// An agent with a repository, keys and tokens on which the policy is tried at every way in.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/policy/action.h"
#include "tests/agent/service/agent_under_test.h"

namespace signet::test {

inline constexpr const char* kPolicedRepository = "example.com/app";

// A method that acts, or reads what not everybody may read, with parameters that would succeed.
struct WayIn {
  std::string method;
  Action action;
  boost::json::object parameters;
};

// A repository with a trusted root, a key for messages, one for digests, one for certificates, and one
// retired.
struct Policed : AgentUnderTest {
  explicit Policed(const std::string& algorithm = "ecdsa-p256");

  boost::json::object sign_targets(std::int64_t version, const std::string& content = "hello");
  boost::json::object superseding(boost::json::object parameters);
  // Signs targets 1.
  std::vector<WayIn> ways();

  std::map<std::string, RoleSpec> roles{
      {"root", {{"r"}, 1}}, {"targets", {{"t"}, 1}}, {"snapshot", {{"s"}, 1}}, {"timestamp", {{"ts"}, 1}}};
  std::string spare_uri, root_file;
};

// One rule, for everybody.
std::string rule_for(const std::vector<Action>& actions, const std::string& more = "");
std::vector<Action> all_but(Action left_out);

}  // namespace signet::test
