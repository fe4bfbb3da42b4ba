// CVE-2023-28531: ssh-add dropped the restrictions on keys when they came from a smart card. Here every limit
// and every selector is tried on every action that takes it, every algorithm and every type of role: none is
// dropped on one of the ways in; and what an action does not take is a mistake in the policy, not a rule that
// looks stricter than it is.
#include <catch2/catch.hpp>
#include <functional>
#include <map>

#include "agent/policy/limits.h"
#include "policy_fixture.h"

using signet::Action;
using signet::ActionFacts;
using signet::KeyAlgorithm;
using signet::Policy;
using signet::PolicyRequest;
using signet::Presence;
using signet::RuleKey;
using signet::Verdict;
using signet::test::request;

namespace {

constexpr KeyAlgorithm kAlgorithms[] = {KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384,
                                        KeyAlgorithm::Rsa2048,   KeyAlgorithm::Rsa3072,
                                        KeyAlgorithm::Rsa4096,   KeyAlgorithm::Ed25519};
constexpr const char* kRoles[] = {"root", "targets", "snapshot", "timestamp", "releases/linux"};

// How a limit is written so that the request does not keep to it; and that its verdict shows it.
struct Trial {
  std::function<std::string(const PolicyRequest&)> text;
  std::function<bool(const Verdict&)> seen;
};

Trial refuses(const std::string& key, const std::string& value) {
  return {[=](const PolicyRequest&) { return key + " = " + value + "\n"; },
          [=](const Verdict& verdict) {
            return !verdict.allowed && verdict.broken == std::vector<std::string>{key};
          }};
}

Trial needs(const std::string& text, std::function<bool(const Verdict&)> seen) {
  return {[=](const PolicyRequest&) { return text; },
          [=](const Verdict& verdict) { return verdict.allowed && seen(verdict); }};
}

std::string quoted_algorithm(const PolicyRequest& asked) {
  return "\"" + std::string(to_string(asked.key->algorithm)) + "\"";
}

const std::map<std::string, Trial>& trials() {
  static const std::string approvals = "approvals = 1\napprovers = \"ann\"\nrequester-may-approve = true\n";
  static const auto approved = [](const Verdict& verdict) {
    return verdict.needs.approvals == 1 && verdict.needs.approvers == std::vector<std::string>{"ann"} &&
           verdict.needs.requester_may_approve;
  };
  static const std::map<std::string, Trial> all{
      {"expires-at-least", refuses("expires-at-least", "\"31d\"")},
      {"expires-at-most", refuses("expires-at-most", "\"29d\"")},
      {"versions-per-hour", refuses("versions-per-hour", "1")},
      {"attestation", refuses("attestation", "\"required\"")},
      {"least-firmware", refuses("least-firmware", "\"5.7\"")},
      {"touch-policies", refuses("touch-policies", "\"always\"")},
      {"pin-policies", refuses("pin-policies", "\"once\"")},
      {"hours", refuses("hours", "\"mon-sat 00:00-24:00 UTC\"")},
      {"target-paths", refuses("target-paths", "\"other\"")},
      {"most-changed-targets", refuses("most-changed-targets", "0")},
      {"least-threshold", refuses("least-threshold", "{ root = 3, releases = 3 }")},
      {"least-root-keys", refuses("least-root-keys", "4")},
      {"refused-algorithms",
       {[](const PolicyRequest& asked) { return "refused-algorithms = " + quoted_algorithm(asked) + "\n"; },
        refuses("refused-algorithms", "").seen}},
      {"shared-keys",
       needs("shared-keys = \"k\"\n", [](const Verdict& verdict) { return verdict.shared_key; })},
      {"approvals", needs(approvals, approved)},
      {"approvers", needs(approvals, approved)},
      {"requester-may-approve", needs(approvals, approved)},
      {"confirm",
       needs("confirm = \"person\"\n",
             [](const Verdict& verdict) { return verdict.needs.confirm == signet::Confirm::Person; })},
      {"pin-cache",
       needs("pin-cache = \"1m\"\n",
             [](const Verdict& verdict) { return verdict.needs.pin_cache == std::chrono::minutes(1); })},
  };
  return all;
}

std::string rule(Action action, const std::string& more) {
  return "[[principal]]\nname = \"ann\"\nuid = 1\n[[rule]]\nname = \"r\"\nanyone = true\naction = \"" +
         std::string(to_string(action)) + "\"\n" + more;
}

// The limits on what only one type of metadata has.
bool concerns_role(const std::string& limit, const PolicyRequest& asked) {
  if (!asked.metadata) return true;
  const signet::RoleType type = asked.metadata->type;
  if (limit == "target-paths" || limit == "most-changed-targets") return type == signet::RoleType::Targets;
  if (limit == "least-root-keys") return type == signet::RoleType::Root;
  if (limit == "least-threshold") return type == signet::RoleType::Root || type == signet::RoleType::Targets;
  return true;
}

// Every request there is: all actions, algorithms and roles.
std::vector<PolicyRequest> every_request() {
  std::vector<PolicyRequest> all;
  for (const Action action : signet::kActions) {
    for (const char* role : kRoles) {
      PolicyRequest asked = request(action, role);
      if (asked.metadata) asked.metadata->other_versions_last_hour = 1;
      for (const KeyAlgorithm algorithm : kAlgorithms) {
        if (asked.key) asked.key->algorithm = algorithm;
        all.push_back(asked);
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("there is a trial for each limit") {
  for (const RuleKey& limit : signet::limit_keys()) CHECK(trials().contains(std::string(limit.key)));
  CHECK(trials().size() == signet::limit_keys().size());
}

TEST_CASE("no limit is dropped for an action, an algorithm or a role") {
  std::size_t tried = 0, mistakes = 0;
  for (const PolicyRequest& asked : every_request()) {
    for (const RuleKey& limit : signet::limit_keys()) {
      const Trial& trial = trials().at(std::string(limit.key));
      const bool concerns = limit.concerns(facts_of(asked.action));
      if (!concerns && !asked.key && limit.key == "refused-algorithms") continue;  // there is none to write
      const std::string text = rule(asked.action, trial.text(asked));
      const auto parsed = parse_policy(text, signet::test::accounts());
      CAPTURE(text);
      if (!concerns) {
        REQUIRE_FALSE(parsed.mistakes.empty());
        ++mistakes;
        continue;
      }
      REQUIRE(parsed.mistakes.empty());
      const Verdict verdict = decide(parsed.policy, asked);
      CAPTURE(verdict.sentence);
      if (concerns_role(std::string(limit.key), asked))
        REQUIRE(trial.seen(verdict));
      else
        REQUIRE(verdict.allowed);
      ++tried;
    }
  }
  CHECK(tried > 1000);
  CHECK(mistakes > 1000);
}

TEST_CASE("a request that lacks a fact of its action is refused before any rule") {
  const Policy open = signet::test::policy("[[rule]]\nname = \"r\"\nanyone = true\naction = \"any\"\n");
  std::size_t tried = 0;
  const auto refused = [&](const PolicyRequest& asked, Presence presence, const char* fact) {
    if (presence != Presence::Required) return;
    CAPTURE(to_string(asked.action), fact);
    const Verdict verdict = decide(open, asked);
    CHECK_FALSE(verdict.allowed);
    CHECK(verdict.rule == signet::kIncompleteRequest);
    CHECK_THAT(verdict.sentence, Catch::Contains(fact));
    ++tried;
  };
  for (const Action action : signet::kActions) {
    const ActionFacts& facts = facts_of(action);
    const PolicyRequest whole = request(action);
    CHECK(decide(open, whole).allowed);
    const auto without = [&](Presence presence, const char* fact,
                             const std::function<void(PolicyRequest&)>& drop) {
      if (presence == Presence::Absent) return;
      PolicyRequest asked = whole;
      drop(asked);
      refused(asked, presence, fact);
    };
    without(facts.key, "key", [](PolicyRequest& asked) { asked.key.reset(); });
    without(facts.key, "key", [](PolicyRequest& asked) { asked.key->name.clear(); });
    without(facts.key, "use", [](PolicyRequest& asked) { asked.key->uses.clear(); });
    without(facts.fingerprint, "fingerprint", [](PolicyRequest& asked) { asked.key->fingerprint.clear(); });
    without(facts.token, "token", [](PolicyRequest& asked) { asked.token.reset(); });
    without(facts.token, "token", [](PolicyRequest& asked) { asked.token = signet::PolicyToken(); });
    without(facts.repository, "repository", [](PolicyRequest& asked) { asked.repository.reset(); });
    without(facts.repository, "repository", [](PolicyRequest& asked) { asked.repository = ""; });
    without(facts.repository, "role", [](PolicyRequest& asked) { asked.role.reset(); });
    without(facts.metadata, "metadata", [](PolicyRequest& asked) { asked.metadata.reset(); });
    without(facts.expires, "expires", [](PolicyRequest& asked) { asked.expires.reset(); });
  }
  CHECK(tried == 66);
}

TEST_CASE("no selector is dropped for an action or an algorithm") {
  // Each selector written so that no request fits it; for an action without its fact it is a mistake.
  const std::map<std::string, std::string> selectors{{"key", "\"other\""},
                                                     {"algorithm", ""},
                                                     {"use", "\"ssh\""},
                                                     {"token", "\"other-token\""},
                                                     {"repository", "\"a.example/x\""},
                                                     {"role", "\"other\""}};
  CHECK(selectors.size() == signet::selector_keys().size());
  for (const PolicyRequest& asked : every_request()) {
    for (const RuleKey& selector : signet::selector_keys()) {
      std::string value = selectors.at(std::string(selector.key));
      if (value.empty())
        value = asked.key && asked.key->algorithm == KeyAlgorithm::Ed25519 ? "\"rsa-2048\"" : "\"ed25519\"";
      const std::string text = rule(asked.action, std::string(selector.key) + " = " + value + "\n");
      const auto parsed = parse_policy(text, signet::test::accounts());
      CAPTURE(text);
      if (!selector.concerns(facts_of(asked.action))) {
        REQUIRE_FALSE(parsed.mistakes.empty());
        continue;
      }
      REQUIRE(parsed.mistakes.empty());
      REQUIRE(decide(parsed.policy, asked).rule == signet::kNoRuleMatched);
    }
  }
}

TEST_CASE("a refusing rule refuses every action, algorithm and role") {
  const Policy shut = signet::test::policy(
      "[[rule]]\nname = \"shut\"\neffect = \"refuse\"\nanyone = true\naction = \"any\"\n"
      "[[rule]]\nname = \"open\"\nanyone = true\naction = \"any\"\n");
  for (const PolicyRequest& asked : every_request()) {
    const Verdict verdict = decide(shut, asked);
    REQUIRE_FALSE(verdict.allowed);
    REQUIRE(verdict.rule == "shut");
  }
}
