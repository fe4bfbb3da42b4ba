// docs/policy.toml.sample is what people copy: it must load, with and without its examples, and show every
// key.
#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "agent/policy/accounts.h"
#include "policy_fixture.h"

namespace {

std::string sample() {
  std::ifstream file(SIGNET_SOURCE_DIR "/docs/policy.toml.sample");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// With its examples ("#key", no space) taken in.
std::string with_examples(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line); out += '\n')
    out += line.size() > 1 && line[0] == '#' && line[1] != ' ' ? line.substr(1) : line;
  return out;
}

std::set<std::string> keys_set(const std::string& text) {
  std::istringstream lines(text);
  std::set<std::string> keys;
  std::string table;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("[["))
      table = line.substr(2, line.find(']') - 2);
    else if (const std::size_t equals = line.find(" = ");
             equals != std::string::npos && !line.starts_with('#'))
      keys.insert(table + "." + line.substr(0, equals));
  }
  return keys;
}

signet::Policy load(const std::string& text) {
  auto parsed = signet::parse_policy(text, signet::system_accounts());
  for (const auto& mistake : parsed.mistakes) FAIL_CHECK(to_string(mistake, "sample"));
  return std::move(parsed.policy);
}

}  // namespace

TEST_CASE("the sample policy loads") {
  CHECK(load(sample()).rules.size() == 3);
}

TEST_CASE("the sample policy's examples load, too") {
  const signet::Policy policy = load(with_examples(sample()));
  CHECK(policy.rules.size() == 5);
  CHECK(policy.principals.size() == 2);
  REQUIRE(policy.issuers.size() == 1);
  const signet::PolicyIssuer defaults;
  CHECK(policy.issuers[0].skew == defaults.skew);
}

TEST_CASE("every key that the policy's parser knows is in the sample, and no other") {
  const auto known = signet::known_policy_keys();
  CHECK(keys_set(with_examples(sample())) == std::set<std::string>(known.begin(), known.end()));
}

TEST_CASE("every action is named in the sample") {
  for (const signet::Action action : signet::kActions)
    CHECK_THAT(sample(), Catch::Contains(std::string(to_string(action))));
}
