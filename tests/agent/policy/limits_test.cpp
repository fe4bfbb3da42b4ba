// Each limit at its edges, and without the fact that it needs.
#include <catch2/catch.hpp>
#include <set>

#include "agent/policy/decide.h"
#include "agent/policy/limits.h"
#include "policy_fixture.h"

using namespace std::chrono_literals;
using namespace signet;
using namespace signet::test;

namespace {

using Broken = std::vector<std::string>;

Verdict with(const std::string& limit, const PolicyRequest& asked) {
  return explain(policy("[[principal]]\nname = \"ann\"\nuid = 1\n[[principal]]\nname = \"ben\"\nuid = 2\n"
                        "[[rule]]\nname = \"r\"\nanyone = true\naction = \"" +
                        std::string(to_string(asked.action)) + "\"\n" + limit),
                 asked)
      .verdict;
}

// The limits that do not hold.
Broken broken(const std::string& limit, const PolicyRequest& asked) {
  const Verdict verdict = with(limit, asked);
  CAPTURE(limit, verdict.sentence);
  CHECK(verdict.rule == "r");
  CHECK(verdict.allowed == verdict.broken.empty());
  for (const std::string& key : verdict.broken) CHECK_THAT(verdict.sentence, Catch::Contains(key + ": "));
  return verdict.broken;
}

PolicyRequest sign(const std::string& role = "targets") {
  return request(Action::SignMetadata, role);
}

}  // namespace

TEST_CASE("an expiry is at least and at most so far away") {
  PolicyRequest asked = sign();
  asked.expires = asked.now + 24h;
  CHECK(broken("expires-at-most = \"1d\"\n", asked).empty());
  CHECK(broken("expires-at-least = \"1d\"\n", asked).empty());
  asked.expires = asked.now + 24h + 1s;
  CHECK(broken("expires-at-most = \"1d\"\n", asked) == Broken{"expires-at-most"});
  CHECK(broken("expires-at-least = \"1d\"\n", asked).empty());
  asked.expires = asked.now + 24h - 1s;
  CHECK(broken("expires-at-least = \"1d\"\n", asked) == Broken{"expires-at-least"});
  asked.expires = asked.now - 1s;
  CHECK(broken("expires-at-least = \"1m\"\n", asked) == Broken{"expires-at-least"});
  PolicyRequest certificate = request(Action::IssueCertificate);
  certificate.expires = certificate.now + 25h;
  CHECK(broken("expires-at-most = \"1d\"\n", certificate) == Broken{"expires-at-most"});
  certificate.expires.reset();  // a request for one: others decide how long it is valid
  CHECK(broken("expires-at-most = \"1d\"\n", certificate) == Broken{"expires-at-most"});
  CHECK(with("expires-at-most = \"1d\"\n", certificate).unknown == Broken{"expires-at-most"});
  CHECK(broken("hours = \"mon-sun 00:00-24:00 UTC\"\n", certificate).empty());
}

TEST_CASE("so many versions of a role an hour") {
  PolicyRequest asked = sign();
  asked.metadata->other_versions_last_hour = 2;
  CHECK(broken("versions-per-hour = 3\n", asked).empty());
  asked.metadata->other_versions_last_hour = 3;
  CHECK(broken("versions-per-hour = 3\n", asked) == Broken{"versions-per-hour"});
  asked.metadata->other_versions_last_hour.reset();
  CHECK(broken("versions-per-hour = 3\n", asked) == Broken{"versions-per-hour"});
}

TEST_CASE("in certain hours only") {
  PolicyRequest asked = sign();
  const std::string hours = "hours = [\"sun 12:00-13:00 UTC\", \"mon 08:00-09:00 UTC\"]\n";
  asked.now = at(12);
  asked.expires = asked.now + 24h;
  CHECK(broken(hours, asked).empty());
  asked.now = at(13);
  CHECK(broken(hours, asked) == Broken{"hours"});
  CHECK_THAT(with(hours, asked).sentence, Catch::Contains("now it is Sun 2026-11-22 13:00 UTC"));
  asked.now = at(24 + 8);
  CHECK(broken(hours, asked).empty());
}

TEST_CASE("only certain targets may change") {
  PolicyRequest asked = sign();
  const std::string paths = "target-paths = [\"app/*\", \"docs/**\"]\n";
  asked.metadata->changed_targets = {"app/1.2", "docs/a/b", "app/1.3"};
  CHECK(broken(paths, asked).empty());
  asked.metadata->changed_targets->push_back("lib/x");
  CHECK(broken(paths, asked) == Broken{"target-paths"});
  asked.metadata->changed_targets->push_back("app/a/b");
  CHECK_THAT(with(paths, asked).sentence,
             Catch::Contains("2 changed targets are outside") && Catch::Contains("\"lib/x\" first"));
  asked.metadata->changed_targets->clear();
  CHECK(broken(paths, asked).empty());
  asked.metadata->changed_targets.reset();
  CHECK(broken(paths, asked) == Broken{"target-paths"});
}

TEST_CASE("a rule with target-paths lets no delegation change") {
  PolicyRequest asked = sign();
  asked.metadata->delegations_changed = true;
  CHECK(broken("target-paths = \"**\"\n", asked) == Broken{"target-paths"});
  CHECK(broken("most-changed-targets = 1\n", asked).empty());
  asked.metadata->delegations_changed.reset();
  CHECK(broken("target-paths = \"**\"\n", asked) == Broken{"target-paths"});
}

TEST_CASE("so many targets may change at once") {
  PolicyRequest asked = sign();
  asked.metadata->changed_targets = {"a", "b"};
  CHECK(broken("most-changed-targets = 2\n", asked).empty());
  CHECK(broken("most-changed-targets = 1\n", asked) == Broken{"most-changed-targets"});
  asked.metadata->changed_targets->clear();
  CHECK(broken("most-changed-targets = 0\n", asked).empty());
  asked.metadata->changed_targets.reset();
  CHECK(broken("most-changed-targets = 2\n", asked) == Broken{"most-changed-targets"});
}

TEST_CASE("thresholds are no smaller than this") {
  PolicyRequest asked = sign("root");
  CHECK(broken("least-threshold = 2\n", asked).empty());
  CHECK(broken("least-threshold = 3\n", asked) == Broken{"least-threshold"});
  CHECK(broken("least-threshold = { root = 2, targets = 1 }\n", asked).empty());
  CHECK(broken("least-threshold = { root = 2, targets = 2 }\n", asked) == Broken{"least-threshold"});
  asked.metadata->thresholds.reset();
  CHECK(broken("least-threshold = 1\n", asked) == Broken{"least-threshold"});
  PolicyRequest delegator = sign("targets");
  CHECK(broken("least-threshold = { releases = 2 }\n", delegator).empty());
  CHECK(broken("least-threshold = { releases = 3 }\n", delegator) == Broken{"least-threshold"});
  delegator.metadata->thresholds.reset();
  CHECK(broken("least-threshold = { releases = 2 }\n", delegator) == Broken{"least-threshold"});
}

TEST_CASE("a root has no fewer keys than this") {
  PolicyRequest asked = sign("root");
  CHECK(broken("least-root-keys = 3\n", asked).empty());
  CHECK(broken("least-root-keys = 4\n", asked) == Broken{"least-root-keys"});
  asked.metadata->root_keys.reset();
  CHECK(broken("least-root-keys = 1\n", asked) == Broken{"least-root-keys"});
}

TEST_CASE("a limit on what only one type of metadata has says nothing of another") {
  const std::string targets = "target-paths = \"none\"\nmost-changed-targets = 0\n";
  const std::string root = "least-threshold = 256\nleast-root-keys = 256\n";
  for (const char* role : {"root", "snapshot", "timestamp"}) CHECK(broken(targets, sign(role)).empty());
  for (const char* role : {"targets", "releases", "snapshot", "timestamp"})
    CHECK(broken(root, sign(role)).empty());
  CHECK(broken(targets, sign("releases")).size() == 2);
  CHECK(broken(root, sign("root")).size() == 2);
}

TEST_CASE("certain algorithms are refused") {
  PolicyRequest asked = sign();
  const std::string refused = "refused-algorithms = [\"rsa-2048\", \"rsa-3072\"]\n";
  asked.key->algorithm = KeyAlgorithm::Rsa4096;
  CHECK(broken(refused, asked).empty());
  asked.key->algorithm = KeyAlgorithm::Rsa3072;
  CHECK(broken(refused, asked) == Broken{"refused-algorithms"});
}

TEST_CASE("all limits that do not hold are told at once") {
  PolicyRequest asked = sign();
  asked.metadata->other_versions_last_hour = 1;
  CHECK(broken("expires-at-most = \"1d\"\nversions-per-hour = 1\nhours = \"mon 00:00-01:00 UTC\"\n"
               "target-paths = \"x\"\nmost-changed-targets = 0\nrefused-algorithms = \"ecdsa-p256\"\n",
               asked) == Broken{"expires-at-most", "versions-per-hour", "hours", "target-paths",
                                "most-changed-targets", "refused-algorithms"});
}

TEST_CASE("a shared key is shared by name, and by no other") {
  PolicyRequest asked = sign();
  CHECK_FALSE(with("", asked).shared_key);
  CHECK(with("shared-keys = [\"x\", \"k\"]\n", asked).shared_key);
  asked.key->name = "K";
  CHECK_FALSE(with("shared-keys = [\"x\", \"k\"]\n", asked).shared_key);
}

TEST_CASE("what is needed besides is in the verdict") {
  const PolicyRequest asked = sign("root");
  const Verdict verdict = with(
      "approvals = 2\napprovers = [\"ben\", \"ann\"]\nconfirm = \"person\"\npin-cache = \"5m\"\n", asked);
  REQUIRE(verdict.allowed);
  CHECK(verdict.needs.approvals == 2);
  CHECK(verdict.needs.approvers == std::vector<std::string>{"ben", "ann"});
  CHECK_FALSE(verdict.needs.requester_may_approve);
  CHECK(verdict.needs.confirm == Confirm::Person);
  CHECK(verdict.needs.pin_cache == 5min);
  CHECK_THAT(verdict.sentence, Catch::Contains("The PIN is kept for 5m at most."));
  const Verdict once = with("pin-cache = \"never\"\n", asked);
  CHECK(once.needs.pin_cache == 0s);
  CHECK_THAT(once.sentence, Catch::Contains("The PIN is kept for one signature only."));
  CHECK_THAT(verdict.sentence, Catch::Contains("2 approvals by ben, ann, none of them who asks.") &&
                                   Catch::Contains("A person must confirm it."));
  CHECK(with("approvals = 1\napprovers = \"ann\"\nrequester-may-approve = true\n", asked)
            .needs.requester_may_approve);
  const Verdict plain = with("", asked);
  CHECK(plain.needs.approvals == 0);
  CHECK(plain.needs.confirm == Confirm::None);
  CHECK_FALSE(plain.needs.pin_cache);
}

TEST_CASE("a refusal asks for nothing") {
  PolicyRequest asked = sign("root");
  asked.metadata->root_keys = 1;
  const Verdict verdict = with(
      "least-root-keys = 2\nconfirm = \"person\"\napprovals = 1\napprovers = \"ann\"\nshared-keys = \"k\"\n",
      asked);
  CHECK_FALSE(verdict.allowed);
  CHECK(verdict.needs.approvals == 0);
  CHECK(verdict.needs.confirm == Confirm::None);
  CHECK_FALSE(verdict.shared_key);
}

TEST_CASE("a touch confirms a signature of the key that asks for it, and nothing else") {
  const std::set<Action> signatures{Action::SignMetadata, Action::Supersede, Action::SignMessage,
                                    Action::IssueCertificate};
  for (const Action action : kActions) {
    CAPTURE(to_string(action));
    PolicyRequest asked = request(action);
    CHECK(with("confirm = \"person\"\n", asked).needs.confirm == Confirm::Person);
    if (asked.key) asked.key->touch_required = true;
    const Verdict verdict = with("confirm = \"person\"\n", asked);
    REQUIRE(verdict.allowed);
    CHECK(verdict.confirmed_by_touch == signatures.contains(action));
    CHECK((verdict.needs.confirm == Confirm::None) == signatures.contains(action));
    CHECK_FALSE(with("", asked).confirmed_by_touch);
  }
}
