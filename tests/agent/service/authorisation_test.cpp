// The policy at every way in: nothing is done that no rule allows, whatever method, key type or detour.
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "agent/policy/action.h"
#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

namespace {

constexpr const char* kRepository = "example.com/app";

struct Way {
  std::string method;
  Action action;
  boost::json::object parameters;
};

// A repository with a trusted root, a key for messages, and one retired: what the methods below need.
struct Policed : AgentUnderTest {
  std::map<std::string, RoleSpec> roles{
      {"root", {{"r"}, 1}}, {"targets", {{"t"}, 1}}, {"snapshot", {{"s"}, 1}}, {"timestamp", {{"ts"}, 1}}};
  std::string spare_uri, root_file;

  explicit Policed(const std::string& algorithm = "ecdsa-p256") {
    make_keys({"r", "t", "s", "ts"}, algorithm);
    for (const char* use : {"message", "digest"})
      REQUIRE(call("GenerateKey",
                   {{"token", "software"}, {"name", use}, {"algorithm", algorithm}, {"uses", {use}}}));
    const Reply spare =
        call("GenerateKey",
             {{"token", "software"}, {"name", "spare"}, {"algorithm", algorithm}, {"uses", {"tuf"}}});
    spare_uri = std::string(spare->at("key").at("uri").as_string());
    REQUIRE(outcome("RetireKey", {{"key", "spare"}}) == "ok");
    REQUIRE(outcome("CreateRepository", {{"name", kRepository}, {"format", "tuf"}}) == "ok");
    const auto root = root_metadata(*this, 1, roles);
    const Reply signed_root = call("SignMetadata", sign_parameters(kRepository, "root", root));
    REQUIRE(signed_root);
    root_file = metadata_file(root, {signed_root});
    REQUIRE(outcome("ObserveMetadata",
                    {{"repository", kRepository}, {"role", "root"}, {"metadata", root_file}}) == "ok");
  }

  boost::json::object sign_targets(std::int64_t version, const std::string& content = "hello") {
    return sign_parameters(kRepository, "targets", targets_metadata(version, content));
  }
  boost::json::object superseding(boost::json::object parameters) {
    parameters["supersede"] = true;
    return parameters;
  }

  // Every method that acts, or reads what not everybody may read, with parameters that would succeed.
  std::vector<Way> ways() {
    const std::string digest(43, 'A');
    boost::json::object dry = sign_targets(1);
    dry["dryRun"] = true;
    const Reply other = call("SignMetadata", sign_targets(1));
    REQUIRE(other);
    return {
        {"SignMetadata", Action::SignMetadata, dry},
        {"SignMetadata", Action::Supersede, superseding(sign_targets(1, "other"))},
        {"SignMetadata", Action::SignMetadata, sign_targets(2)},
        {"SignMessage", Action::SignMessage, {{"key", "message"}, {"message", "aGVsbG8="}}},
        {"SignMessage", Action::SignMessage, {{"key", "digest"}, {"digest", digest + "="}}},
        {"GenerateKey",
         Action::Generate,
         {{"token", "software"}, {"name", "new"}, {"algorithm", "ed25519"}, {"uses", {"tuf"}}}},
        {"EnrolKey", Action::Enrol, {{"uri", spare_uri}, {"name", "again"}, {"uses", {"tuf"}}}},
        {"RetireKey", Action::Retire, {{"key", "ts"}}},
        {"CreateRepository", Action::Adopt, {{"name", "example.com/new"}, {"format", "tuf"}}},
        {"AdoptRepository",
         Action::Adopt,
         {{"name", "example.com/adopted"}, {"format", "tuf"}, {"root", root_file}}},
        {"ObserveMetadata",
         Action::Adopt,
         {{"repository", kRepository},
          {"role", "targets"},
          {"metadata", metadata_file(targets_metadata(1), {other})}}},
        {"UnlockToken", Action::Unlock, {{"token", "software"}, {"pin", "1234"}}},
        {"LockToken", Action::Unlock, {{"token", "software"}}},
        {"ResetPinBudget", Action::Unlock, {{"token", "software"}}},
        {"InitToken",
         Action::Administer,
         {{"token", "software"}, {"label", "x"}, {"soPin", "1234"}, {"pin", "1234"}}},
        {"ReadLedger", Action::ReadLedger, {{"first", 1}, {"limit", 1}}},
        {"CheckLedger", Action::ReadLedger, {{"first", 1}}},
    };
  }
};

std::string rule_for(const std::vector<Action>& actions, const std::string& more = "") {
  std::string list;
  for (const Action action : actions)
    list += (list.empty() ? "\"" : ", \"") + std::string(to_string(action)) + "\"";
  return "[[rule]]\nname = \"only\"\nanyone = true\naction = [" + list + "]\n" + more;
}

std::vector<Action> all_but(Action left_out) {
  std::vector<Action> actions;
  for (const Action action : kActions)
    if (action != left_out) actions.push_back(action);
  return actions;
}

}  // namespace

TEST_CASE("what no rule allows is refused at every way in, and nothing is done", "[policy]") {
  Policed agent;
  for (const Way& way : agent.ways()) {
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
  for (const Way& way : ways) {
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
  const Reply signed_root = agent.call("SignMetadata", sign_parameters(kRepository, "root", root));
  REQUIRE(signed_root);
  REQUIRE(agent.outcome("ObserveMetadata", {{"repository", kRepository},
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
                      sign_parameters(kRepository, "root", root_metadata(agent, 2, agent.roles))) ==
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
  for (const Way& way : ways) {
    INFO(way.method << " as " << to_string(way.action));
    const bool dry = way.parameters.contains("dryRun");
    const std::size_t before = asked.size(), signatures = agent.tokens.signatures;
    CHECK(agent.outcome(way.method, way.parameters) == (dry ? "ok" : "PolicyDenied ask"));
    CHECK(asked.size() == before + (dry ? 0 : 1));
    CHECK(agent.tokens.signatures == signatures);
  }
  agrees = true;
  for (const Way& way : ways) {
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
  CHECK_THAT(seen.question, Catch::Contains("SUPERSEDES targets 1") && Catch::Contains(kRepository));
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
