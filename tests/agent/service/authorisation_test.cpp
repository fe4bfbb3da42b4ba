// The policy at every way in: nothing is done that no rule allows, whatever method, key type or detour.
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "tests/agent/service/policed_agent.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

TEST_CASE("what no rule allows is refused at every way in, and nothing is done", "[policy]") {
  Policed agent;
  for (const WayIn& way : agent.ways()) {
    INFO(way.method << " as " << to_string(way.action));
    agent.use_policy(rule_for(all_but(way.action)));
    const std::size_t signatures = agent.tokens.signatures;
    const std::int64_t records = agent.call("Status", {})->at("ledger").at("records").as_int64();
    CHECK(agent.outcome(way.method, way.parameters) == "PolicyDenied no-rule-matched");
    CHECK(agent.tokens.signatures == signatures);
    CHECK(agent.call("Status", {})->at("ledger").at("records").as_int64() == records);
  }
}

TEST_CASE("a rule that allows the one action is enough", "[policy]") {
  Policed agent;
  const auto ways = agent.ways();
  for (const WayIn& way : ways) {
    INFO(way.method << " as " << to_string(way.action));
    std::vector<Action> allowed{way.action};
    if (way.action == Action::Supersede) allowed.push_back(Action::SignMetadata);
    agent.use_policy(rule_for(allowed));
    CHECK(agent.outcome(way.method, way.parameters) == "ok");
  }
}

TEST_CASE("a refusal by key holds for every key type and every way of naming the key", "[policy]") {
  const auto algorithm = GENERATE(as<std::string>(), "ecdsa-p256", "ecdsa-p384", "rsa-2048", "ed25519");
  INFO(algorithm);
  Policed agent(algorithm);
  const std::string fingerprint(
      agent.call("ShowKey", {{"key", "t"}})->at("key").at("fingerprint").as_string());
  for (const std::string& named : {std::string("t"), fingerprint}) {
    agent.use_policy("[[rule]]\nname = \"not-t\"\nanyone = true\neffect = \"refuse\"\nkey = \"" + named +
                     "\"\naction = [\"sign-metadata\", \"supersede\"]\n" + permissive_policy());
    CHECK(agent.outcome("SignMetadata", agent.sign_targets(2)) == "PolicyDenied not-t");
    for (const std::string& detour : {std::string("t"), fingerprint, agent.keyid("t")}) {
      auto parameters = agent.sign_targets(2);
      parameters["keys"] = boost::json::array{detour};
      CHECK(agent.outcome("SignMetadata", parameters) == "PolicyDenied not-t");
    }
  }
  agent.use_policy(
      "[[rule]]\nname = \"no-messages\"\nanyone = true\neffect = \"refuse\"\nkey = \"message\"\n"
      "action = \"sign-message\"\n" +
      permissive_policy());
  CHECK(agent.outcome("SignMessage", {{"key", "message"}, {"message", "aGVsbG8="}}) ==
        "PolicyDenied no-messages");
}

TEST_CASE("a key that the policy refuses is named among those that sign", "[policy]") {
  Policed agent;
  agent.roles["targets"] = {{"t", "spare2"}, 1};
  agent.make_keys({"spare2"});
  const auto root = root_metadata(agent, 2, agent.roles);
  const Reply signed_root = agent.call("SignMetadata", sign_parameters(kPolicedRepository, "root", root));
  REQUIRE(signed_root);
  REQUIRE(agent.outcome("ObserveMetadata", {{"repository", kPolicedRepository},
                                            {"role", "root"},
                                            {"metadata", metadata_file(root, {signed_root})}}) == "ok");
  agent.use_policy(
      "[[rule]]\nname = \"not-spare\"\nanyone = true\neffect = \"refuse\"\nkey = \"spare*\"\n"
      "action = \"sign-metadata\"\n" +
      permissive_policy());
  const Reply reply = agent.call("SignMetadata", agent.sign_targets(1));
  REQUIRE(reply);
  std::size_t signed_by = 0, refused = 0;
  for (const auto& result : reply->at("result").at("results").as_array()) {
    if (result.at("status") == "signed") ++signed_by;
    if (result.at("fault").is_object() && result.at("fault").at("parameters").at("rule") == "not-spare")
      ++refused;
  }
  CHECK(signed_by == 1);
  CHECK(refused == 1);
}

TEST_CASE("the limits see what the metadata says", "[policy]") {
  Policed agent;
  REQUIRE(agent.outcome("SignMetadata", agent.sign_targets(1, "one")) == "ok");
  const auto limited = [&](const std::string& limit) {
    agent.use_policy(
        "[[rule]]\nname = \"limited\"\nanyone = true\naction = [\"sign-metadata\", \"supersede\"]\n" + limit);
  };
  limited("expires-at-most = \"1d\"\n");
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(2, "two")) == "PolicyDenied limited");
  limited("target-paths = \"elsewhere/**\"\n");
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(2, "two")) == "PolicyDenied limited");
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(2, "one")) ==
        "ok");  // nothing changed but the version
  limited("most-changed-targets = 0\n");
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(3, "three")) == "PolicyDenied limited");
  limited("least-root-keys = 2\n");
  CHECK(agent.outcome("SignMetadata",
                      sign_parameters(kPolicedRepository, "root", root_metadata(agent, 2, agent.roles))) ==
        "PolicyDenied limited");
  limited("refused-algorithms = [\"ecdsa-p256\"]\n");
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(3, "one")) == "PolicyDenied limited");
}

TEST_CASE("versions per hour are counted over roles and restarts", "[policy]") {
  Policed agent;
  agent.use_policy(
      "[[rule]]\nname = \"slowly\"\nanyone = true\naction = [\"sign-metadata\", \"supersede\"]\n"
      "versions-per-hour = 2\n");
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "ok");
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(2)) == "ok");
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(2)) == "ok");  // the same version again
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(3)) == "PolicyDenied slowly");
  agent.restart();
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(3)) == "PolicyDenied slowly");
  CHECK(agent.outcome("SignMetadata", agent.superseding(agent.sign_targets(2, "other"))) == "ok");
}

TEST_CASE("calls that come at the same time do not exceed a rate together", "[policy]") {
  Policed agent;
  agent.use_policy(
      "[[rule]]\nname = \"slowly\"\nanyone = true\naction = \"sign-metadata\"\nversions-per-hour = 2\n");
  std::size_t signing = 0;
  agent.tokens.before_sign = [&]() -> boost::asio::awaitable<void> {
    ++signing;
    for (int turn = 0; turn < 50; ++turn)
      co_await boost::asio::post(agent.io, boost::asio::use_awaitable);  // all of them are in flight by now
  };
  std::vector<std::shared_ptr<PendingCall>> calls;
  for (std::int64_t version = 1; version <= 6; ++version)
    calls.push_back(agent.begin("SignMetadata", agent.sign_targets(version)));
  std::size_t signed_now = 0;
  for (const auto& call : calls) {
    agent.pump(*call);
    if (*call->reply)
      ++signed_now;
    else
      CHECK(call->reply->error().name == ErrorName::PolicyDenied);
  }
  CHECK(signed_now == 2);
  CHECK(signing == 2);
}

TEST_CASE("nobody of another user namespace is anybody", "[policy]") {
  Policed agent;
  agent.uid = 65534;
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "PolicyDenied overflow-uid");
  agent.uid = 12345;
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "ok");
}
