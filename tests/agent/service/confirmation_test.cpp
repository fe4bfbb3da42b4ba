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
    "\"sign-message\", \"generate\", \"enrol\", \"retire\", \"adopt\", \"unlock\", \"read-ledger\", "
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
