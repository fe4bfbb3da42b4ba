#include <unistd.h>

#include <catch2/catch.hpp>

#include "agent/policy/accounts.h"
#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;

namespace {

// Of the user whom the tests run as and of nobody else.
constexpr const char* kPolicy = R"(
[[rule]]
name = "root-short"
user = "@self"
action = "sign-metadata"
role = "root"
expires-at-most = "30d"
least-threshold = 2
confirm = "person"
pin-cache = "5m"
[[rule]]
name = "ci"
issuer = "github"
claims = { repository = "org/app" }
action = "sign-metadata"
target-paths = "app/*"
versions-per-hour = 2
[[rule]]
name = "messages"
user = "@self"
action = ["sign-message", "generate"]
algorithm = "ed25519"
[[issuer]]
name = "github"
issuer = "https://token.actions.githubusercontent.com"
jwks = "/nowhere"
algorithms = "RS256"
)";

void use_policy(AgentUnderTest& agent, const char* text) {
  ParsedPolicy parsed = parse_policy(text, system_accounts());
  REQUIRE(parsed.mistakes.empty());
  auto loaded = std::make_shared<LoadedPolicy>();
  loaded->policy = std::move(parsed.policy);
  loaded->source = "/etc/signet/policy.toml";
  loaded->text = text;
  agent.service->set_policy(loaded);
}

json::object explain(AgentUnderTest& agent, json::object question) {
  const Reply reply = agent.call("ExplainPolicy", {{"question", std::move(question)}});
  REQUIRE(reply);
  return *reply;
}

std::string verdict_of(AgentUnderTest& agent, json::object question) {
  const json::object reply = explain(agent, std::move(question));
  const json::object& verdict = reply.at("verdict").as_object();
  return std::string(verdict.at("outcome").as_string()) + " " + std::string(verdict.at("rule").as_string());
}

std::vector<std::string> texts(const json::value& array) {
  std::vector<std::string> all;
  for (const json::value& one : array.as_array()) all.emplace_back(one.as_string());
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("an agent shows the policy that is in force") {
  AgentUnderTest agent;
  agent.use_builtin_policy();
  const Reply builtin = agent.call("ShowPolicy", {});
  CHECK(builtin->at("source") == "built-in");
  CHECK(builtin->at("text").as_string() == std::string(builtin_policy()));
  use_policy(agent, kPolicy);
  const Reply own = agent.call("ShowPolicy", {});
  CHECK(own->at("source") == "/etc/signet/policy.toml");
  CHECK(own->at("text").as_string() == kPolicy);
}

TEST_CASE("an agent checks a policy and puts it not in force") {
  AgentUnderTest agent;
  agent.use_builtin_policy();
  CHECK(agent.call("CheckPolicy", {{"text", kPolicy}})->at("mistakes").as_array().empty());
  const Reply bad =
      agent.call("CheckPolicy", {{"text", "[[rule]]\nname = \"a b\"\nanyone = true\naction = \"sing\"\n"}});
  const json::array& mistakes = bad->at("mistakes").as_array();
  REQUIRE(mistakes.size() == 2);
  CHECK(mistakes[0].at("line") == 2);
  CHECK(mistakes[0].at("key") == "rule.name");
  CHECK(mistakes[1].at("line") == 4);
  CHECK(mistakes[1].at("key") == "rule.action");
  CHECK(agent.call("ShowPolicy", {})->at("source") == "built-in");
  CHECK(agent.outcome("CheckPolicy", {{"text", 3}}) == "InvalidParameter text");
}

TEST_CASE("an explanation says which rule decides, and of the others why not") {
  AgentUnderTest agent;
  agent.make_keys({"k"});
  use_policy(agent, kPolicy);
  const json::object reply = explain(agent, {{"action", "sign-message"}, {"key", "k"}});
  CHECK(reply.at("verdict").at("outcome") == "allowed");
  CHECK(reply.at("verdict").at("rule") == "messages");
  CHECK(reply.at("verdict").at("confirm") == "none");
  CHECK(reply.at("verdict").at("pinCacheSeconds").is_null());
  const json::array& rules = reply.at("rules").as_array();
  REQUIRE(rules.size() == 3);
  CHECK(rules[0].at("outcome") == "not_matched");
  CHECK(rules[0].at("line") == 2);
  CHECK_THAT(std::string(rules[0].at("why").as_string()), Catch::StartsWith("action: "));
  CHECK(rules[2].at("outcome") == "decided");
}

TEST_CASE("an explanation takes what it is not told for unknown") {
  AgentUnderTest agent;
  agent.make_keys({"k"});
  use_policy(agent, kPolicy);
  json::object question{
      {"action", "sign-metadata"}, {"key", "k"}, {"repository", "a.example/b"}, {"role", "root"}};
  json::object verdict = explain(agent, question).at("verdict").as_object();
  CHECK(verdict.at("outcome") == "depends");
  CHECK(verdict.at("rule") == "root-short");
  CHECK(texts(verdict.at("unknown")) == Texts{"expires-at-most", "least-threshold"});
  question["at"] = "2026-11-22T00:00:00Z";
  question["expires"] = "2026-12-22T00:00:00Z";
  question["thresholds"] = {{"root", 2}};
  verdict = explain(agent, question).at("verdict").as_object();
  CHECK(verdict.at("outcome") == "allowed");
  CHECK(verdict.at("confirm") == "person");
  CHECK(verdict.at("pinCacheSeconds") == 300);
  question["touch"] = true;
  verdict = explain(agent, question).at("verdict").as_object();
  CHECK(verdict.at("confirm") == "none");
  CHECK(verdict.at("confirmedByTouch") == true);
  question["expires"] = "2026-12-22T00:00:01Z";
  verdict = explain(agent, question).at("verdict").as_object();
  CHECK(verdict.at("outcome") == "refused");
  CHECK(texts(verdict.at("broken")) == Texts{"expires-at-most"});
  CHECK(texts(verdict.at("unknown")).empty());
  // A limit that is broken is not made good by one that is unknown.
  question["thresholds"] = nullptr;
  CHECK(verdict_of(agent, question) == "refused root-short");
}

TEST_CASE("an explanation for somebody else, and for a job") {
  AgentUnderTest agent;
  agent.make_keys({"k"});
  use_policy(agent, kPolicy);
  CHECK(verdict_of(agent, {{"action", "sign-message"}, {"key", "k"}, {"user", "4000000"}}) ==
        "refused no-rule-matched");
  CHECK(verdict_of(agent, {{"action", "sign-message"}, {"key", "k"}, {"user", std::to_string(::getuid())}}) ==
        "allowed messages");
  CHECK(verdict_of(agent, {{"action", "sign-message"}, {"key", "k"}, {"user", "65534"}}) ==
        "refused overflow-uid");
  json::object job{{"action", "sign-metadata"},
                   {"key", "k"},
                   {"user", "4000000"},
                   {"repository", "a.example/b"},
                   {"role", "targets"},
                   {"issuer", "github"},
                   {"claims", {{"repository", "org/app"}}},
                   {"changedTargets", {"app/1"}},
                   {"delegationsChanged", false},
                   {"otherVersionsLastHour", 1}};
  CHECK(verdict_of(agent, job) == "allowed ci");
  job["otherVersionsLastHour"] = 2;
  CHECK(verdict_of(agent, job) == "refused ci");
  job["claims"] = {{"repository", "org/other"}};
  CHECK(verdict_of(agent, job) == "refused no-rule-matched");
}

TEST_CASE("what others may do is for those who may administer, and so is the name service") {
  AgentUnderTest agent;
  agent.make_keys({"k"});
  const std::string stranger = std::to_string(::getuid() + 4711);
  const json::object own{{"action", "sign-message"}, {"key", "k"}};
  const auto explain_as = [&](uid_t uid, const char* user) {
    agent.uid = uid;
    json::object question = own;
    if (user != nullptr) question["user"] = user;
    const std::string outcome = agent.outcome("ExplainPolicy", {{"question", std::move(question)}});
    agent.uid.reset();
    return outcome;
  };
  const uid_t other = ::getuid() + 4711;
  use_policy(agent, kPolicy);
  CHECK(explain_as(other, nullptr) == "ok");
  CHECK(explain_as(other, stranger.c_str()) == "ok");
  CHECK(explain_as(other, ("uid:" + stranger).c_str()) == "ok");
  CHECK(explain_as(other, "4000000") == "PolicyDenied administer");
  CHECK(explain_as(other, "root") == "PolicyDenied administer");
  CHECK(explain_as(other, "no-such-user") == "PolicyDenied administer");  // nobody learns who there is
  CHECK(explain_as(0, "4000000") == "ok");
  CHECK(explain_as(::getuid(), "4000000") == "ok");
  agent.uid = other;
  CHECK(agent.outcome("CheckPolicy", {{"text", ""}}) == "PolicyDenied administer");
  agent.uid = 0;
  CHECK(agent.outcome("CheckPolicy", {{"text", ""}}) == "ok");
  agent.uid.reset();
  const std::string rule = "[[rule]]\nname = \"admins\"\nuid = " + stranger + "\naction = \"administer\"\n";
  use_policy(agent, rule.c_str());
  CHECK(explain_as(other, "4000000") == "ok");
  // A person would have to be asked, which a question is not worth.
  use_policy(agent, (rule + "confirm = \"person\"\n").c_str());
  CHECK(explain_as(other, "4000000") == "PolicyDenied administer");
}

TEST_CASE("an explanation knows enrolled keys, and new ones for those that make them") {
  AgentUnderTest agent;
  agent.make_keys({"p"}, "ecdsa-p256");
  use_policy(agent, kPolicy);
  CHECK(verdict_of(agent, {{"action", "sign-message"}, {"key", "p"}}) == "refused no-rule-matched");
  CHECK(verdict_of(agent, {{"action", "sign-message"}, {"key", agent.keyid("p")}}) ==
        "refused no-rule-matched");
  CHECK(verdict_of(agent, {{"action", "generate"}, {"key", "new"}, {"algorithm", "ed25519"}}) ==
        "allowed messages");
  CHECK(verdict_of(agent, {{"action", "generate"}, {"key", "new"}}) == "refused no-rule-matched");
  CHECK(verdict_of(agent, {{"action", "generate"}, {"key", "p"}, {"algorithm", "ed25519"}}) ==
        "allowed messages");
  const auto outcome = [&](json::object question) {
    return agent.outcome("ExplainPolicy", {{"question", std::move(question)}});
  };
  CHECK(outcome({{"action", "sign-message"}, {"key", "none"}}) == "NotFound");
  CHECK(outcome({{"action", "sign-message"}, {"user", "no-such-user"}}) == "NotFound");
  CHECK(outcome({{"action", "sign"}}) == "InvalidParameter action");
  CHECK(outcome({{"action", "generate"}, {"key", "new"}, {"algorithm", "dsa"}}) ==
        "InvalidParameter algorithm");
  CHECK(outcome({{"action", "adopt"}, {"at", "2026-11-22"}}) == "InvalidParameter at");
  CHECK(outcome({{"action", "adopt"}, {"claims", {{"a", "b"}}}}) == "InvalidParameter claims");
  CHECK(outcome({{"action", "sign-metadata"}, {"role", "root"}, {"rootKeys", -1}}) ==
        "InvalidParameter rootKeys");
  CHECK(outcome({{"action", "sign-metadata"}, {"role", "root"}, {"thresholds", {{"root", "2"}}}}) ==
        "InvalidParameter thresholds");
  CHECK(agent.outcome("ExplainPolicy", {{"question", 3}}) == "InvalidParameter question");
}

TEST_CASE("policy is shown, checked and explained without a ledger") {
  AgentUnderTest agent;
  agent.use_builtin_policy();
  agent.service.reset();
  std::filesystem::remove_all(agent.scratch.path());
  std::filesystem::create_directory(agent.scratch.path());
  agent.restart();
  CHECK(agent.outcome("ShowPolicy", {}) == "ok");
  CHECK(agent.outcome("CheckPolicy", {{"text", ""}}) == "ok");
  CHECK(verdict_of(agent, {{"action", "unlock"}, {"token", "t"}}) == "allowed own");
}
