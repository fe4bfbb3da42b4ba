// docs/policy.toml.sample is what people copy: it must load, with and without its examples, and show every
// key.
#include <catch2/catch.hpp>
#include <set>

#include "agent/policy/accounts.h"
#include "policy_fixture.h"
#include "tests/build_paths.h"
#include "tests/support/sample_file.h"

using signet::test::keys_set;
using signet::test::with_examples;

namespace {

std::string sample() {
  return signet::test::file_text(signet::test::source_dir() + "/docs/policy.toml.sample");
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
