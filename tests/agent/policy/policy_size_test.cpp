// How large a policy may be: each limit at its edge.
#include <catch2/catch.hpp>
#include <string>

#include "agent/policy/parse_policy.h"
#include "policy_fixture.h"

using signet::parse_policy;
using signet::test::accounts;
using signet::test::mistakes_of;
using signet::test::rule;

TEST_CASE("the limits of a policy, at their edges") {
  const auto many = [](const char* table, std::size_t count, const std::string& more) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i)
      text += std::string("[[") + table + "]]\nname = \"n" + std::to_string(i) + "\"\n" + more;
    return text;
  };
  const std::string rest = "anyone = true\naction = \"any\"\n";
  CHECK(mistakes_of(many("rule", signet::kMaxRules, rest)).empty());
  CHECK_THAT(mistakes_of(many("rule", signet::kMaxRules + 1, rest)).at(0), Catch::Contains("more than 256"));
  const auto principals = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i)
      text += "[[principal]]\nname = \"n" + std::to_string(i) + "\"\nuid = " + std::to_string(i) + "\n";
    return text;
  };
  CHECK(mistakes_of(principals(signet::kMaxPrincipals)).empty());
  CHECK_THAT(mistakes_of(principals(signet::kMaxPrincipals + 1)).at(0), Catch::Contains("more than 64"));
  const auto issuers = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i)
      text += "[[issuer]]\nname = \"n" + std::to_string(i) + "\"\nissuer = \"https://" + std::to_string(i) +
              "\"\njwks = \"/j\"\nalgorithms = \"RS256\"\n";
    return text;
  };
  CHECK(mistakes_of(issuers(signet::kMaxIssuers)).empty());
  CHECK_THAT(mistakes_of(issuers(signet::kMaxIssuers + 1)).at(0), Catch::Contains("more than 16"));
  const auto uids = [](std::size_t count) {
    std::string text = "[[rule]]\nname = \"r\"\naction = \"any\"\nuid = [0";
    for (std::size_t i = 1; i < count; ++i) text += ", " + std::to_string(i);
    return text + "]\n";
  };
  CHECK(mistakes_of(uids(signet::kMaxListElements)).empty());
  CHECK_THAT(mistakes_of(uids(signet::kMaxListElements + 1)).at(0), Catch::Contains("at most 64"));
  CHECK(mistakes_of("[[rule]]\nname = \"" + std::string(64, 'a') + "\"\n" + rest).empty());
  CHECK(mistakes_of(rule("uid = 4294967294\n")).empty());
  CHECK(mistakes_of(rule("expires-at-least = \"1m\"\nexpires-at-most = \"1m\"\n")).empty());
  CHECK(mistakes_of(rule("most-changed-targets = 0\nleast-threshold = 256\nversions-per-hour = 100000\n"))
            .empty());
}

TEST_CASE("so many users and groups are asked of the system, each once") {
  std::size_t asked = 0;
  signet::PolicyAccounts counting = accounts();
  counting.uid_of = [&](const std::string& name) -> std::optional<uid_t> {
    ++asked;
    return static_cast<uid_t>(std::stoul(name.substr(1)));
  };
  const auto users = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i)
      text += (i % 64 == 0 ? std::string(i == 0 ? "" : "]\n") + "[[rule]]\nname = \"r" + std::to_string(i) +
                                 "\"\naction = \"any\"\nuser = ["
                           : std::string(", ")) +
              "\"u" + std::to_string(i) + "\"";
    return text + "]\n";
  };
  const std::string most = users(signet::kMaxAccounts);
  CHECK(parse_policy(most, counting).mistakes.empty());
  CHECK(asked == signet::kMaxAccounts);
  const std::string again = "[[rule]]\nname = \"again\"\naction = \"any\"\nuser = [\"u0\", \"u1\"]\n";
  CHECK(parse_policy(most + again, counting).mistakes.empty());
  CHECK(asked == 2 * signet::kMaxAccounts);
  const auto mistakes = parse_policy(users(signet::kMaxAccounts + 1), counting).mistakes;
  REQUIRE(mistakes.size() == 1);
  CHECK_THAT(mistakes[0].why, Catch::Contains("one more than the 256"));
  CHECK(asked == 3 * signet::kMaxAccounts);
}

TEST_CASE("a policy for the file that a person edited under another uid's name") {
  // "@self" is whoever the agent runs as: the same text serves everybody.
  signet::PolicyAccounts other = accounts();
  other.self = 4711;
  const auto parsed = parse_policy("[[rule]]\nname = \"r\"\nuser = \"@self\"\naction = \"any\"\n", other);
  REQUIRE(parsed.mistakes.empty());
  CHECK(parsed.policy.rules[0].who.uids == std::vector<uid_t>{4711});
}
