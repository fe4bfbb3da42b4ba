// Where the policy asks for a person: nothing happens without a yes, and what changes while somebody is
// waited for is judged again.
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "tests/agent/service/policed_agent.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

namespace {

constexpr const char* kAskPerson =
    "[[rule]]\nname = \"ask\"\nanyone = true\nconfirm = \"person\"\naction = [\"sign-metadata\", "
    "\"supersede\", "
    "\"sign-message\", \"issue-certificate\", \"store-certificate\", \"generate\", \"enrol\", \"retire\", "
    "\"adopt\", \"unlock\", "
    "\"read-ledger\", "
    "\"administer\"]\n";

}  // namespace

TEST_CASE("where the policy asks for a person, only a person's yes lets it pass", "[policy]") {
  Policed agent;
  std::vector<Confirmation> asked;
  bool agrees = false;
  agent.service->ask_through([&](Confirmation confirmation) -> boost::asio::awaitable<Result<void>> {
    asked.push_back(std::move(confirmation));
    if (agrees) co_return Result<void>();
    co_return Error{ErrorName::PolicyDenied, "The person said no."};
  });
  const auto ways = agent.ways();
  agent.use_policy(kAskPerson);
  for (const WayIn& way : ways) {
    INFO(way.method << " as " << to_string(way.action));
    const bool dry = way.parameters.contains("dryRun");
    const std::size_t before = asked.size(), signatures = agent.tokens.signatures;
    CHECK(agent.outcome(way.method, way.parameters) == (dry ? "ok" : "PolicyDenied ask"));
    CHECK(asked.size() == before + (dry ? 0 : 1));
    CHECK(agent.tokens.signatures == signatures);
  }
  agrees = true;
  for (const WayIn& way : ways) {
    INFO(way.method << " as " << to_string(way.action));
    CHECK(agent.outcome(way.method, way.parameters) == "ok");
  }
  agent.service->ask_through(nullptr);
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(9)) == "PolicyDenied ask");
}

TEST_CASE("nobody is asked to agree to a key that cannot be made", "[policy]") {
  Policed agent;
  std::size_t asked = 0;
  agent.service->ask_through([&](Confirmation) -> boost::asio::awaitable<Result<void>> {
    ++asked;
    co_return Result<void>();
  });
  agent.use_policy(kAskPerson);
  const boost::json::object wanted{
      {"token", "software"}, {"name", "slot"}, {"algorithm", "ecdsa-p256"}, {"uses", {"message"}}};
  agent.tokens.cannot_generate = Error{ErrorName::MechanismUnsupported, "It makes none."};
  CHECK(agent.outcome("GenerateKey", wanted) == "MechanismUnsupported");
  CHECK(asked == 0);
  agent.tokens.cannot_generate.reset();
  CHECK(agent.outcome("GenerateKey", wanted) == "ok");
  CHECK(asked == 1);
}

TEST_CASE("the person sees what changes and who asks", "[policy]") {
  Policed agent;
  REQUIRE(agent.outcome("SignMetadata", agent.sign_targets(1, "one")) == "ok");
  Confirmation seen;
  agent.service->ask_through([&](Confirmation confirmation) -> boost::asio::awaitable<Result<void>> {
    seen = std::move(confirmation);
    co_return Result<void>();
  });
  agent.use_policy(kAskPerson);
  REQUIRE(agent.outcome("SignMetadata", agent.superseding(agent.sign_targets(1, "two"))) == "ok");
  CHECK_THAT(seen.question, Catch::Contains("SUPERSEDES targets 1") && Catch::Contains(kPolicedRepository));
  CHECK_THAT(seen.details, Catch::Contains("app.txt") || Catch::Contains("~"));
  CHECK_THAT(seen.footer, Catch::Contains("uid"));
}

TEST_CASE("what changed while a person thought is judged again", "[policy]") {
  Policed agent;
  const auto ask_then = [&](std::function<void()> meanwhile) {
    agent.service->ask_through(
        [meanwhile = std::move(meanwhile)](Confirmation) -> boost::asio::awaitable<Result<void>> {
          meanwhile();
          co_return Result<void>();
        });
    agent.use_policy(kAskPerson);
  };
  const std::size_t signatures = agent.tokens.signatures;
  ask_then([&] { agent.use_policy(rule_for(all_but(Action::SignMetadata))); });
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "PolicyDenied no-rule-matched");
  ask_then([&] { agent.use_policy(rule_for(all_but(Action::SignMessage))); });
  CHECK(agent.outcome("SignMessage", {{"key", "message"}, {"message", "aGVsbG8="}}) ==
        "PolicyDenied no-rule-matched");
  std::shared_ptr<PendingCall> retiring;
  agent.service->ask_through([&](Confirmation asked) -> boost::asio::awaitable<Result<void>> {
    if (asked.question.find("Retire") == std::string::npos && !retiring) {
      retiring = agent.begin("RetireKey", {{"key", "t"}});
      while (!retiring->reply) co_await boost::asio::post(agent.io, boost::asio::use_awaitable);
    }
    co_return Result<void>();
  });
  agent.use_policy(kAskPerson);
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "KeyRefused retired");
  CHECK(agent.tokens.signatures == signatures);
}

TEST_CASE("a person agrees to one difference, not to what it became meanwhile", "[policy]") {
  Policed agent;
  std::vector<std::string> asked;
  std::shared_ptr<PendingCall> other;
  const std::string quick =
      "[[rule]]\nname = \"quick\"\nuid = 7777\naction = [\"sign-metadata\", \"supersede\"]\n" +
      std::string(kAskPerson);
  agent.service->ask_through([&](Confirmation confirmation) -> boost::asio::awaitable<Result<void>> {
    asked.push_back(confirmation.question);
    if (asked.size() > 1) co_return Error{ErrorName::PolicyDenied, "The person who was asked said no."};
    agent.uid = 7777;  // while the first prompt is shown, somebody else releases version 1
    other = agent.begin("SignMetadata", agent.sign_targets(1, "other"));
    agent.uid.reset();
    while (!other->reply) co_await boost::asio::post(agent.io, boost::asio::use_awaitable);
    co_return Result<void>();
  });
  agent.use_policy(quick);
  CHECK(agent.outcome("SignMetadata", agent.superseding(agent.sign_targets(1, "mine"))) ==
        "PolicyDenied ask");
  REQUIRE(*other->reply);
  REQUIRE(asked.size() == 2);
  CHECK_THAT(asked[0], !Catch::Contains("SUPERSEDES"));
  CHECK_THAT(asked[1], Catch::Contains("SUPERSEDES"));
}

TEST_CASE("what changed while a token was waited for is judged again", "[policy]") {
  Policed agent;
  const auto while_waiting = [&](std::function<void()> change) {
    agent.use_policy(permissive_policy());
    agent.tokens.before_sign = [change = std::move(change)]() -> boost::asio::awaitable<void> {
      change();
      co_return;
    };
  };
  const boost::json::object message{{"key", "message"}, {"message", "aGVsbG8="}};
  const std::size_t signatures = agent.tokens.signatures;
  while_waiting([&] { agent.use_policy(rule_for(all_but(Action::SignMetadata))); });
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "PolicyDenied no-rule-matched");
  while_waiting([&] { agent.use_policy(rule_for(all_but(Action::SignMessage))); });
  CHECK(agent.outcome("SignMessage", message) == "PolicyDenied no-rule-matched");
  // Allowed still, but only after somebody was asked, whom nobody asked.
  while_waiting([&] { agent.use_policy(kAskPerson); });
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "PolicyDenied ask");
  CHECK(agent.outcome("SignMessage", message) == "PolicyDenied ask");
  while_waiting([&] {
    agent.use_policy("[[principal]]\nname = \"bob\"\nuid = 5001\n" +
                     rule_for({Action::SignMetadata}, "approvals = 1\napprovers = \"bob\"\n"));
  });
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "PolicyDenied only");
  // A limit that holds no more: it is closing time.
  while_waiting([&] { agent.use_policy(rule_for({Action::SignMetadata}, "expires-at-most = \"1h\"\n")); });
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "PolicyDenied only");
  CHECK(agent.tokens.signatures == signatures);
  while_waiting([] {});
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "ok");
  CHECK(agent.outcome("SignMessage", message) == "ok");
  CHECK(agent.tokens.signatures == signatures + 2);
}

TEST_CASE("a key that is retired while its token is waited for signs nothing", "[policy]") {
  Policed agent;
  const std::size_t signatures = agent.tokens.signatures;
  for (const char* key : {"t", "message"}) {
    agent.tokens.before_sign = [&agent, key]() -> boost::asio::awaitable<void> {
      const auto retiring = agent.begin("RetireKey", {{"key", key}});
      while (!retiring->reply) co_await boost::asio::post(agent.io, boost::asio::use_awaitable);
    };
    const bool metadata = std::string(key) == "t";
    const std::string outcome = metadata
                                    ? agent.outcome("SignMetadata", agent.sign_targets(1))
                                    : agent.outcome("SignMessage", {{"key", key}, {"message", "aGVsbG8="}});
    CHECK(outcome == "KeyRefused retired");
  }
  CHECK(agent.tokens.signatures == signatures);
}

TEST_CASE("what a person agreed to is not asked again after the token's wait", "[policy]") {
  Policed agent;
  std::size_t asked = 0;
  agent.service->ask_through([&](Confirmation) -> boost::asio::awaitable<Result<void>> {
    ++asked;
    co_return Result<void>();
  });
  agent.use_policy(kAskPerson);
  agent.tokens.before_sign = []() -> boost::asio::awaitable<void> { co_return; };
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "ok");
  CHECK(agent.outcome("SignMessage", {{"key", "message"}, {"message", "aGVsbG8="}}) == "ok");
  CHECK(asked == 2);
}

TEST_CASE("who lets a ledger out of quarantine sees for what and why, and nobody is asked in vain",
          "[policy]") {
  Policed agent;
  std::vector<Confirmation> asked;
  agent.service->ask_through([&](Confirmation confirmation) -> boost::asio::awaitable<Result<void>> {
    asked.push_back(std::move(confirmation));
    co_return Error{ErrorName::PolicyDenied, "The person who was asked said no."};
  });
  agent.use_policy(kAskPerson);
  CHECK(agent.outcome("ClearQuarantine", {{"reason", ""}}) == "InvalidParameter reason");
  CHECK(asked.empty());
  CHECK(agent.outcome("ClearQuarantine", {{"repository", kPolicedRepository},
                                          {"reason", "the disk\ndied"}}) == "PolicyDenied ask");
  REQUIRE(asked.size() == 1);
  CHECK(asked.front().details ==
        std::string("Repository: ") + kPolicedRepository + ", role: all of them\nReason: the disk\\u{a}died");
}
