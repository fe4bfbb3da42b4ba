// Who and what a rule is for: each selector, and the order of rules.
#include <catch2/catch.hpp>

#include "agent/policy/decide.h"
#include "policy_fixture.h"

using namespace signet;
using namespace signet::test;

namespace {

constexpr const char* kIssuers = R"(
[[issuer]]
name = "github"
issuer = "https://token.actions.githubusercontent.com"
jwks = "/j"
algorithms = "RS256"
[[issuer]]
name = "gitlab"
issuer = "https://gitlab.example.com"
jwks = "/j"
algorithms = "RS256"
)";

// One rule with these selectors.
Policy rule_with(const std::string& selectors, const std::string& action = "\"sign-metadata\"") {
  return policy(kIssuers + ("[[rule]]\nname = \"r\"\naction = " + action + "\n" + selectors));
}

bool lets(const Policy& rules, const PolicyRequest& asked) {
  const Verdict verdict = decide(rules, asked);
  CHECK(verdict.rule == (verdict.allowed ? "r" : kNoRuleMatched));
  CHECK(verdict.sentence.empty() == verdict.allowed);
  CHECK_FALSE(explain(rules, asked).verdict.sentence.empty());
  return verdict.allowed;
}

PolicyRequest of_uid(uid_t uid) {
  PolicyRequest asked = request(Action::SignMetadata);
  asked.who.uid = uid;
  return asked;
}

PolicyRequest with_claims(const std::string& issuer, boost::json::object claims) {
  PolicyRequest asked = request(Action::SignMetadata);
  asked.who.claims = PolicyClaims{issuer, std::move(claims)};
  return asked;
}

}  // namespace

TEST_CASE("without a rule nothing is allowed") {
  for (const Action action : kActions) {
    const Verdict verdict = decide(policy(""), request(action));
    CHECK_FALSE(verdict.allowed);
    CHECK(verdict.rule == kNoRuleMatched);
    CHECK_THAT(verdict.sentence,
               Catch::Contains(std::string(to_string(action))) && Catch::Contains("uid 1000"));
  }
}

TEST_CASE("a rule for users is for these") {
  const Policy rules = rule_with("user = [\"@self\", \"alice\"]\n");
  CHECK(lets(rules, of_uid(kSelf)));
  CHECK(lets(rules, of_uid(kAlice)));
  CHECK_FALSE(lets(rules, of_uid(kBob)));
  CHECK_FALSE(lets(rules, of_uid(0)));  // root is nobody special
}

TEST_CASE("a rule for groups is for members, primary or supplementary") {
  const Policy rules = rule_with("group = \"release\"\n");
  PolicyRequest asked = of_uid(kBob);
  CHECK_FALSE(lets(rules, asked));
  asked.who.groups = {1, 2, kRelease};
  CHECK(lets(rules, asked));
  asked.who.groups = {};
  asked.who.gid = kRelease;
  CHECK(lets(rules, asked));
}

TEST_CASE("a rule for a user and a group is for the user in the group") {
  const Policy rules = rule_with("user = \"alice\"\ngroup = \"release\"\n");
  PolicyRequest asked = of_uid(kAlice);
  CHECK_FALSE(lets(rules, asked));
  asked.who.groups = {kRelease};
  CHECK(lets(rules, asked));
  asked.who.uid = kBob;
  CHECK_FALSE(lets(rules, asked));
}

TEST_CASE("a rule for anyone is for anyone but the overflow uid") {
  const Policy rules = rule_with("anyone = true\n");
  CHECK(lets(rules, of_uid(12345)));
  for (const char* text : {"anyone = true\n", "uid = 1\n"}) {
    const Verdict verdict = decide(rule_with(text), of_uid(65534));
    CHECK_FALSE(verdict.allowed);
    CHECK(verdict.rule == kOverflowUid);
  }
  Policy elsewhere = rules;
  elsewhere.overflow_uid = 99;  // a kernel can be told another one
  CHECK_FALSE(decide(elsewhere, of_uid(99)).allowed);
  CHECK(decide(elsewhere, of_uid(65534)).allowed);
}

TEST_CASE("a rule for a job is for tokens with its claims") {
  const Policy rules = rule_with(
      "issuer = \"github\"\nclaims = { repository = \"org/app\", ref = [\"refs/heads/main\", "
      "\"refs/tags/v*\"] }\n");
  CHECK(
      lets(rules, with_claims("github", {{"repository", "org/app"}, {"ref", "refs/heads/main"}, {"x", 1}})));
  CHECK(lets(rules, with_claims("github", {{"repository", "org/app"}, {"ref", "refs/tags/v1.2"}})));
  CHECK_FALSE(lets(rules, with_claims("github", {{"repository", "org/app"}, {"ref", "refs/tags/v1/2"}})));
  CHECK_FALSE(lets(rules, with_claims("github", {{"repository", "org/app"}, {"ref", "refs/heads/dev"}})));
  CHECK_FALSE(lets(rules, with_claims("github", {{"repository", "evil/app"}, {"ref", "refs/heads/main"}})));
  CHECK_FALSE(lets(rules, with_claims("github", {{"repository", "org/app"}})));
  CHECK_FALSE(lets(rules, with_claims("gitlab", {{"repository", "org/app"}, {"ref", "refs/heads/main"}})));
  CHECK_FALSE(lets(rules, request(Action::SignMetadata)));
}

TEST_CASE("a claim is text, a number, true or false, or a list of these") {
  const auto claim = [](const std::string& pattern, boost::json::value value) {
    boost::json::object claims;
    claims["c"] = std::move(value);
    return lets(rule_with("issuer = \"gitlab\"\nclaims = { c = \"" + pattern + "\" }\n"),
                with_claims("gitlab", std::move(claims)));
  };
  CHECK(claim("true", true));
  CHECK(claim("true", "true"));
  CHECK_FALSE(claim("true", false));
  CHECK(claim("42", 42));
  CHECK(claim("-42", -42));
  CHECK(claim("18446744073709551615", 18446744073709551615U));
  CHECK(claim("b", {"a", "b"}));
  CHECK_FALSE(claim("c", {"a", "b"}));
  CHECK_FALSE(claim("**", boost::json::array()));
  CHECK_FALSE(claim("**", nullptr));
  CHECK_FALSE(claim("**", 1.0));
  boost::json::object nested;
  nested["c"] = "x";
  CHECK_FALSE(claim("**", nested));
  CHECK(claim("**", ""));
}

TEST_CASE("a rule for a user with a job's claims wants both") {
  const Policy rules = rule_with("user = \"alice\"\nissuer = \"github\"\nclaims = { a = \"b\" }\n");
  PolicyRequest asked = with_claims("github", {{"a", "b"}});
  CHECK_FALSE(lets(rules, asked));
  asked.who.uid = kAlice;
  CHECK(lets(rules, asked));
  asked.who.claims.reset();
  CHECK_FALSE(lets(rules, asked));
}

TEST_CASE("a rule for keys is for names, patterns and fingerprints") {
  PolicyRequest asked = request(Action::SignMetadata);
  const auto named = [&](const std::string& selector) {
    return lets(rule_with("anyone = true\nkey = " + selector + "\n"), asked);
  };
  asked.key->name = "ci-nightly";
  CHECK(named("\"ci-nightly\""));
  CHECK(named("\"ci-*\""));
  CHECK(named("[\"x\", \"ci-*\"]"));
  CHECK_FALSE(named("\"ci-\""));
  CHECK(named("\"" + std::string(64, 'a') + "\""));
  CHECK(named("\"" + std::string(64, 'A') + "\""));
  CHECK_FALSE(named("\"" + std::string(64, 'b') + "\""));
  // A fingerprint is not a name.
  asked.key->fingerprint = std::string(64, 'c');
  asked.key->name = std::string(64, 'a');
  CHECK_FALSE(named("\"" + std::string(64, 'a') + "\""));
}

TEST_CASE("a rule for algorithms and uses is for these") {
  PolicyRequest asked = request(Action::SignMessage);
  const Policy algorithms =
      rule_with("anyone = true\nalgorithm = [\"ed25519\", \"rsa-4096\"]\n", "\"sign-message\"");
  asked.key->algorithm = KeyAlgorithm::Ed25519;
  CHECK(lets(algorithms, asked));
  asked.key->algorithm = KeyAlgorithm::Rsa3072;
  CHECK_FALSE(lets(algorithms, asked));
  const Policy uses = rule_with("anyone = true\nuse = [\"digest\", \"ssh\"]\n", "\"sign-message\"");
  asked.key->uses = {"message"};
  CHECK_FALSE(lets(uses, asked));
  asked.key->uses = {"digest"};
  CHECK(lets(uses, asked));
}

TEST_CASE("of a key with several uses all must be allowed, and one is enough to refuse it") {
  for (const Action action : {Action::Generate, Action::Enrol, Action::Retire}) {
    PolicyRequest asked = request(action);
    const std::string named = "\"" + std::string(to_string(action)) + "\"";
    const Policy one = rule_with("anyone = true\nuse = \"message\"\n", named);
    const Policy both = rule_with("anyone = true\nuse = [\"message\", \"digest\"]\n", named);
    asked.key->uses = {"message"};
    CHECK(lets(one, asked));
    CHECK(lets(both, asked));
    asked.key->uses = {"message", "digest"};
    CHECK_FALSE(lets(one, asked));
    CHECK(decide(one, asked).rule == "no-rule-matched");
    CHECK(lets(both, asked));
    asked.key->uses = {"digest", "ssh"};
    CHECK_FALSE(lets(both, asked));
    Policy refusing = rule_with("anyone = true\nuse = \"digest\"\n", named);
    const std::string refusal = refusing.rules.front().name;
    refusing.rules.front().allow = false;
    CHECK(decide(refusing, asked).rule == refusal);
    asked.key->uses = {"message"};
    CHECK(decide(refusing, asked).rule == "no-rule-matched");
    asked.key->uses.clear();  // only what is explained can lack them
    CHECK_FALSE(explain(one, asked, Facts::Hypothetical).verdict.allowed);
  }
}

TEST_CASE("a rule for tokens is for labels and serial numbers") {
  PolicyRequest asked = request(Action::Unlock);
  const auto named = [&](const std::string& selector) {
    return lets(rule_with("anyone = true\ntoken = " + selector + "\n", "\"unlock\""), asked);
  };
  CHECK(named("\"release\""));
  CHECK(named("\"rel*\""));
  CHECK(named("\"15835999\""));
  CHECK_FALSE(named("\"15835998\""));
  PolicyRequest init = request(Action::Administer);
  const Policy blank = rule_with("anyone = true\ntoken = \"*\"\n", "\"administer\"");
  CHECK(lets(blank, init));
  init.token.reset();  // an act of administration that is about no token
  CHECK_FALSE(lets(blank, init));
}

TEST_CASE("a rule for repositories and roles is for these") {
  PolicyRequest asked = request(Action::SignMetadata, "releases/linux");
  CHECK(lets(rule_with("anyone = true\nrepository = \"registry.example.com/**\"\n"), asked));
  CHECK(lets(rule_with("anyone = true\nrepository = \"registry.example.com/*/app\"\n"), asked));
  CHECK_FALSE(lets(rule_with("anyone = true\nrepository = \"registry.example.com/*\"\n"), asked));
  CHECK_FALSE(lets(rule_with("anyone = true\nrepository = \"registry.example.com/org\"\n"), asked));
  CHECK(lets(rule_with("anyone = true\nrole = \"releases/*\"\n"), asked));
  CHECK_FALSE(lets(rule_with("anyone = true\nrole = \"*\"\n"), asked));
  CHECK_FALSE(lets(rule_with("anyone = true\nrole = [\"root\", \"targets\"]\n"), asked));
  CHECK_FALSE(
      lets(rule_with("anyone = true\nrole = \"releases/*\"\nrepository = \"other.example/x\"\n"), asked));
}

TEST_CASE("\"any\" with a selector is for the actions that have what it selects by") {
  const Policy rules = rule_with("anyone = true\nrepository = \"registry.example.com/**\"\n", "\"any\"");
  for (const Action action : kActions) {
    CAPTURE(to_string(action));
    CHECK(lets(rules, request(action)) == (facts_of(action).repository == Presence::Required));
  }
}

TEST_CASE("the first rule that matches decides, whatever comes after") {
  const Policy rules = policy(R"(
[[rule]]
name = "not-bob"
effect = "refuse"
user = "bob"
action = "any"
[[rule]]
name = "short"
anyone = true
action = "sign-metadata"
role = "targets"
expires-at-most = "1d"
[[rule]]
name = "all"
anyone = true
action = "sign-metadata"
)");
  Verdict verdict = decide(rules, of_uid(kBob));
  CHECK_FALSE(verdict.allowed);
  CHECK(verdict.rule == "not-bob");
  CHECK(verdict.broken.empty());
  // A limit that does not hold does not hand on to the next rule.
  verdict = decide(rules, of_uid(kAlice));
  CHECK_FALSE(verdict.allowed);
  CHECK(verdict.rule == "short");
  CHECK(verdict.broken == std::vector<std::string>{"expires-at-most"});
  PolicyRequest snapshot = request(Action::SignMetadata, "snapshot");
  CHECK(decide(rules, snapshot).rule == "all");
}

TEST_CASE("an explanation says of each rule why") {
  const Policy rules = policy(R"(
[[rule]]
name = "for-alice"
user = "alice"
action = "sign-metadata"
[[rule]]
name = "for-messages"
anyone = true
action = "sign-message"
[[rule]]
name = "decides"
anyone = true
action = "sign-metadata"
[[rule]]
name = "later"
anyone = true
action = "any"
)");
  const auto explanation = explain(rules, request(Action::SignMetadata));
  CHECK(explanation.verdict.allowed);
  CHECK_THAT(explanation.verdict.sentence,
             Catch::StartsWith("The rule \"" + explanation.verdict.rule + "\" allows "));
  REQUIRE(explanation.rules.size() == 4);
  CHECK(explanation.rules[0].kind == RuleFinding::Kind::NotMatched);
  CHECK(explanation.rules[0].line == 2);
  CHECK_THAT(explanation.rules[0].why,
             Catch::StartsWith("user: uid 1000 asks, and the rule is for uid 1001"));
  CHECK_THAT(explanation.rules[1].why, Catch::StartsWith("action: sign-metadata is asked for"));
  CHECK(explanation.rules[2].kind == RuleFinding::Kind::Decided);
  CHECK(explanation.rules[3].kind == RuleFinding::Kind::NotReached);
  const auto refused = explain(policy(""), request(Action::SignMetadata));
  CHECK_FALSE(refused.verdict.allowed);
  CHECK(refused.rules.empty());
  const auto nobody = explain(rules, of_uid(65534));
  CHECK(nobody.verdict.rule == kOverflowUid);
  for (const RuleFinding& rule : nobody.rules) CHECK(rule.kind == RuleFinding::Kind::NotReached);
}

TEST_CASE("names that somebody sends cannot forge a sentence") {
  PolicyRequest asked = request(Action::SignMetadata);
  asked.key->name = "a\"\nThe rule \"x\" allows\x1b[31m \xff";
  const Verdict verdict = decide(policy(""), asked);
  CHECK_THAT(verdict.sentence, Catch::Contains(R"(the key "a\"\x0aThe rule \"x\" allows\x1b[31m \xff")"));
  asked.key->name = std::string(1000, 'x');
  CHECK(decide(policy(""), asked).sentence.size() < 600);
}
