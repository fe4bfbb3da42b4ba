// Where the policy asks for approvals: SignMetadata and those who approve.
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "tests/agent/service/policed_agent.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

namespace {

constexpr uid_t kBob = 5001, kCarol = 5002;

// Root and targets of everybody's need two of bob and carol.
constexpr const char* kTwoApprovals = R"(
[[principal]]
name = "bob"
uid = 5001
[[principal]]
name = "carol"
uid = 5002
[[rule]]
name = "two"
anyone = true
action = ["sign-metadata", "supersede"]
approvals = 2
approvers = ["bob", "carol"]
[[rule]]
name = "others"
anyone = true
action = ["generate", "retire", "adopt", "approve", "read-ledger"]
)";

std::string request_of(const Reply& refused) {
  REQUIRE_FALSE(refused);
  const Error error = refused.error();
  REQUIRE(error.name == ErrorName::ApprovalRequired);
  return std::string(error.parameters.at("request").as_string());
}

std::string approve(AgentUnderTest& agent, uid_t uid, const std::string& request) {
  agent.uid = uid;
  std::string outcome = agent.outcome("ApproveRequest", {{"request", request}});
  agent.uid.reset();
  return outcome;
}

}  // namespace

TEST_CASE("what needs two approvals is signed when two persons have given them", "[policy][approvals]") {
  Policed agent;
  agent.use_policy(kTwoApprovals);
  const std::size_t signatures = agent.tokens.signatures;
  const std::string request = request_of(agent.call("SignMetadata", agent.sign_targets(1)));
  CHECK(request_of(agent.call("SignMetadata", agent.sign_targets(1))) == request);  // the same one
  CHECK(approve(agent, kBob, request) == "ok");
  CHECK(approve(agent, kBob, request) == "ok");  // twice is once
  CHECK(request_of(agent.call("SignMetadata", agent.sign_targets(1))) == request);
  agent.restart();
  CHECK(approve(agent, kCarol, request) == "ok");
  CHECK(agent.tokens.signatures == signatures);
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "ok");
  CHECK(agent.tokens.signatures == signatures + 1);
  // What was approved is that: other bytes need approvals of their own.
  CHECK(request_of(agent.call("SignMetadata", agent.sign_targets(2))) != request);
}

TEST_CASE("who asked, and who is no approver, cannot approve", "[policy][approvals]") {
  Policed agent;
  agent.use_policy(kTwoApprovals);
  agent.uid = kBob;
  const std::string request = request_of(agent.call("SignMetadata", agent.sign_targets(1)));
  CHECK(approve(agent, kBob, request) == "ApprovalRefused requester");
  CHECK(approve(agent, 7777, request) == "ApprovalRefused not-an-approver");
  CHECK(approve(agent, kCarol, request) == "ok");
  agent.uid = kBob;
  CHECK(request_of(agent.call("SignMetadata", agent.sign_targets(1))) == request);
}

TEST_CASE("a denied request never signs", "[policy][approvals]") {
  Policed agent;
  agent.use_policy(kTwoApprovals);
  const std::string request = request_of(agent.call("SignMetadata", agent.sign_targets(1)));
  CHECK(approve(agent, kBob, request) == "ok");
  agent.uid = kCarol;
  CHECK(agent.outcome("DenyRequest", {{"request", request}, {"why", "not this one"}}) == "ok");
  agent.uid.reset();
  const std::size_t signatures = agent.tokens.signatures;
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)).starts_with("RequestClosed"));
  CHECK(agent.tokens.signatures == signatures);
}

TEST_CASE("with more, the signature comes in the same stream", "[policy][approvals]") {
  Policed agent;
  agent.use_policy(kTwoApprovals);
  RecordedEvents events;
  agent.events = &events;
  const auto signing = agent.begin("SignMetadata", agent.sign_targets(1));
  agent.events = nullptr;
  while (events.sent.empty()) agent.io.run_one();
  const auto& event = events.sent.front().at("event").as_object();
  CHECK(event.at("kind") == "approval");
  const std::string request(event.at("request").as_string());
  CHECK(approve(agent, kBob, request) == "ok");
  while (events.sent.size() < 2) agent.io.run_one();
  CHECK_FALSE(signing->reply);
  CHECK(approve(agent, kCarol, request) == "ok");
  agent.pump(*signing);
  REQUIRE(*signing->reply);
  CHECK((*signing->reply)->at("result").at("results").as_array().size() == 1);
}

TEST_CASE("a client that leaves waits no longer", "[policy][approvals]") {
  Policed agent;
  agent.use_policy(kTwoApprovals);
  RecordedEvents events;
  agent.events = &events;
  const auto signing = agent.begin("SignMetadata", agent.sign_targets(1));
  while (events.sent.empty()) agent.io.run_one();
  events.left = true;
  agent.pump(*signing);
  CHECK(signing->reply->error().name == ErrorName::ApprovalRequired);
}

TEST_CASE("what the policy no longer allows is not signed, whoever approved it", "[policy][approvals]") {
  Policed agent;
  agent.use_policy(kTwoApprovals);
  const std::string request = request_of(agent.call("SignMetadata", agent.sign_targets(1)));
  CHECK(approve(agent, kBob, request) == "ok");
  CHECK(approve(agent, kCarol, request) == "ok");
  agent.use_policy(rule_for(all_but(Action::SignMetadata)));
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "PolicyDenied no-rule-matched");
  // Carol is no approver any more: her approval counts no longer.
  std::string fewer(kTwoApprovals);
  fewer.replace(fewer.find("uid = 5002"), 10, "uid = 5003");
  agent.use_policy(fewer);
  CHECK(request_of(agent.call("SignMetadata", agent.sign_targets(1))) == request);
}

TEST_CASE("approvals are counted again after the token was waited for", "[policy][approvals]") {
  Policed agent;
  agent.use_policy(kTwoApprovals);
  const std::string request = request_of(agent.call("SignMetadata", agent.sign_targets(1)));
  REQUIRE(approve(agent, kBob, request) == "ok");
  REQUIRE(approve(agent, kCarol, request) == "ok");
  const std::size_t signatures = agent.tokens.signatures;
  agent.tokens.before_sign = [&agent]() -> boost::asio::awaitable<void> {
    std::string fewer(kTwoApprovals);
    fewer.replace(fewer.find("uid = 5002"), 10, "uid = 5003");
    agent.use_policy(fewer);
    co_return;
  };
  CHECK(request_of(agent.call("SignMetadata", agent.sign_targets(1))) == request);
  CHECK(agent.tokens.signatures == signatures);
  agent.tokens.before_sign = []() -> boost::asio::awaitable<void> { co_return; };
  agent.use_policy(kTwoApprovals);
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)) == "ok");
}

TEST_CASE("a denial while the token is waited for keeps it from signing", "[policy][approvals]") {
  Policed agent;
  agent.use_policy(kTwoApprovals);
  const std::string request = request_of(agent.call("SignMetadata", agent.sign_targets(1)));
  REQUIRE(approve(agent, kBob, request) == "ok");
  REQUIRE(approve(agent, kCarol, request) == "ok");
  const std::size_t signatures = agent.tokens.signatures;
  agent.tokens.before_sign = [&]() -> boost::asio::awaitable<void> {
    agent.uid = kCarol;
    const auto denying = agent.begin("DenyRequest", {{"request", request}, {"why", "on second thoughts"}});
    agent.uid.reset();
    while (!denying->reply) co_await boost::asio::post(agent.io, boost::asio::use_awaitable);
  };
  CHECK(agent.outcome("SignMetadata", agent.sign_targets(1)).starts_with("RequestClosed"));
  CHECK(agent.tokens.signatures == signatures);
}
