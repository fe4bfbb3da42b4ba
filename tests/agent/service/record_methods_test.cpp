// Listing, showing and following records.
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "protocol/ledger_record.h"
#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;

namespace {

// Three repositories' worth of records, two keys, and a failure.
void live(AgentUnderTest& agent) {
  agent.make_keys({"root", "targets", "snapshot", "timestamp"});
  const std::map<std::string, RoleSpec> roles{{"root", {{"root"}, 1}},
                                              {"targets", {{"targets"}, 1}},
                                              {"snapshot", {{"snapshot"}, 1}},
                                              {"timestamp", {{"timestamp"}, 1}}};
  const auto root = root_metadata(agent, 1, roles);
  for (const char* name : {"a.example/one", "a.example/two"})
    REQUIRE(agent.call("CreateRepository", {{"name", name}, {"format", "tuf"}}));
  const Reply signed_root = agent.call("SignMetadata", sign_parameters("a.example/one", "root", root));
  REQUIRE(agent.call(
      "ObserveMetadata",
      {{"repository", "a.example/one"}, {"role", "root"}, {"metadata", metadata_file(root, {signed_root})}}));
  for (int version = 1; version <= 3; ++version)
    REQUIRE(
        agent.call("SignMetadata", sign_parameters("a.example/one", "targets", targets_metadata(version))));
}

std::vector<RecordStatement> statements(const json::value& records) {
  std::vector<RecordStatement> all;
  for (const json::value& record : records.as_array())
    all.push_back(parse_record_statement(std::string(record.at("statement").as_string())).value());
  return all;
}

std::vector<RecordStatement> list(AgentUnderTest& agent, const json::object& filter) {
  const Reply reply = agent.call("ListRecords", {{"filter", filter}, {"limit", 1000}});
  REQUIRE(reply);
  CHECK(reply->at("next").is_null());
  return statements(reply->at("records"));
}

// Keeps what a follower gets, and lets a test end it.
class Follower final : public EventSink {
 public:
  bool wanted() const override { return true; }
  boost::asio::awaitable<void> send(json::object reply) override {
    for (const RecordStatement& record : statements(reply.at("records"))) got.push_back(record);
    co_return;
  }
  bool over() const override { return left; }
  void on_close(std::function<void()> wake) override { wake_ = std::move(wake); }

  void begin(AgentUnderTest& agent, json::object parameters_of_call) {
    parameters = std::move(parameters_of_call);
    Peer peer;
    peer.uid = ::getuid();
    Call call{"FollowLedger", parameters, peer, *this};
    boost::asio::co_spawn(agent.io, agent.methods.at("FollowLedger").handler(call),
                          [this](const std::exception_ptr&, Reply reply) { last = std::move(reply); });
  }
  void leave() {
    left = true;
    wake_();
  }

  std::vector<RecordStatement> got;
  std::optional<Reply> last;
  bool left = false;
  json::object parameters;

 private:
  std::function<void()> wake_;
};

}  // namespace

TEST_CASE("records are listed by what they say") {
  AgentUnderTest agent;
  live(agent);
  CHECK(list(agent, {{"repository", "a.example/two"}}).size() == 1);
  CHECK(list(agent, {{"repository", "a.example/one"}, {"role", "targets"}, {"outcome", "released"}}).size() ==
        3);
  CHECK(list(agent, {{"key", "targets"}, {"kind", "sign"}}).size() == 6);
  CHECK(list(agent, {{"key", agent.keyid("targets")}}).size() == 7);  // its enrolment too
  CHECK(list(agent, {{"uid", static_cast<std::int64_t>(::getuid())}}).size() >= 15);
  CHECK(list(agent, {{"uid", static_cast<std::int64_t>(::getuid()) + 1}}).empty());
  CHECK(list(agent, {{"until", "2020-01-01T00:00:00Z"}}).empty());
  CHECK(list(agent, {{"since", "2020-01-01T00:00:00Z"}}).size() >= 15);
  agent.restart();
  CHECK(list(agent, {{"key", "targets"}}).size() == 7);
}

TEST_CASE("a filter that means nothing is refused") {
  AgentUnderTest agent;
  const auto outcome = [&](const json::object& filter) {
    return agent.outcome("ListRecords", {{"filter", filter}});
  };
  CHECK(outcome({{"since", "2026-11-21"}}) == "InvalidParameter filter.since");
  CHECK(outcome({{"until", "2026-13-21T00:00:00Z"}}) == "InvalidParameter filter.until");
  CHECK(outcome({{"key", "nobody's"}}) == "NotFound");
  CHECK(outcome({{"key", std::string(64, 'a')}}) == "ok");
  CHECK(outcome({{"uid", -1}}) == "InvalidParameter filter.uid");
  CHECK(agent.outcome("ListRecords", {{"limit", 0}}) == "InvalidParameter limit");
  CHECK(agent.outcome("ListRecords", {{"limit", 1001}}) == "InvalidParameter limit");
  CHECK(agent.outcome("ListRecords", {{"after", -1}}) == "InvalidParameter after");
}

TEST_CASE("a list goes on where the last page ended, in both directions") {
  AgentUnderTest agent;
  live(agent);
  const auto all = list(agent, {});
  for (const bool newest_first : {false, true}) {
    std::vector<std::int64_t> seen;
    json::value after = nullptr;
    do {
      const Reply page =
          agent.call("ListRecords", {{"after", after}, {"limit", 4}, {"newestFirst", newest_first}});
      REQUIRE(page);
      CHECK(page->at("records").as_array().size() <= 4);
      for (const auto& record : statements(page->at("records"))) seen.push_back(record.sequence);
      after = page->at("next");
    } while (!after.is_null());
    if (newest_first) std::reverse(seen.begin(), seen.end());
    REQUIRE(seen.size() == all.size());
    for (std::size_t index = 0; index < seen.size(); ++index) CHECK(seen[index] == all[index].sequence);
  }
}

TEST_CASE("a record is shown with its partner, and its detail") {
  AgentUnderTest agent;
  live(agent);
  const auto intent = list(agent, {{"kind", "sign.intent"}}).front();
  const Reply shown = agent.call("ShowRecord", {{"sequence", intent.sequence}, {"disclose", true}});
  REQUIRE(shown);
  const auto partner =
      parse_record_statement(std::string(shown->at("partner").at("statement").as_string())).value();
  CHECK(record_intent(partner.body) == intent.sequence);
  const auto salt = from_base64(std::string_view(shown->at("detail").at("salt").as_string()));
  CHECK(detail_matches(intent.detail_hash, *salt,
                       std::string_view(shown->at("detail").at("detail").as_string())));
  CHECK(agent.call("ShowRecord", {{"sequence", intent.sequence}})->at("detail").is_null());
  CHECK(agent.outcome("ShowRecord", {{"sequence", 0}}) == "NotFound");
}

TEST_CASE("private detail goes to whose act it was, and to the agent's own user") {
  AgentUnderTest agent;
  agent.make_keys({"k"});
  const uid_t ada = ::geteuid() + 1, bob = ::geteuid() + 2;
  agent.uid = ada;
  REQUIRE(agent.outcome("CreateRepository", {{"name", "a.example/ada"}, {"format", "tuf"}}) == "ok");
  const auto hers = list(agent, {{"kind", "repository.create"}}).front().sequence;
  const auto shown = [&](std::int64_t sequence) {
    return agent.outcome("ShowRecord", {{"sequence", sequence}, {"disclose", true}});
  };
  CHECK(shown(hers) == "ok");
  CHECK(shown(1) == "PolicyDenied own-detail");  // the agent's own
  agent.uid = bob;
  CHECK(shown(hers) == "PolicyDenied own-detail");
  CHECK(agent.outcome("ShowRecord", {{"sequence", hers}}) == "ok");
  agent.uid.reset();
  CHECK(shown(hers) == "ok");
  CHECK(shown(1) == "ok");
}

TEST_CASE("a follower whom the policy lets read no more gets nothing more") {
  AgentUnderTest agent;
  agent.make_keys({"k"});
  Follower follower;
  follower.begin(agent, {{"after", 0}});
  while (follower.got.empty()) agent.io.run_one();
  agent.use_policy("[[rule]]\nname = \"adopting\"\nanyone = true\naction = \"adopt\"\n");
  const std::size_t before = follower.got.size();
  REQUIRE(agent.outcome("CreateRepository", {{"name", "a.example/one"}, {"format", "tuf"}}) == "ok");
  while (!follower.last) agent.io.run_one();
  CHECK(follower.last->error().name == ErrorName::PolicyDenied);
  CHECK(follower.got.size() == before);
}

TEST_CASE("a follower gets what is written, as it is written, and ends when it leaves") {
  AgentUnderTest agent;
  live(agent);
  Follower from_now, from_start;
  from_now.begin(agent, {{"filter", {{"kind", "repository.create"}}}});
  from_start.begin(agent, {{"after", 0}, {"filter", {{"kind", "repository.create"}}}});
  while (from_start.got.size() < 2) agent.io.run_one();
  CHECK(from_now.got.empty());
  REQUIRE(agent.call("CreateRepository", {{"name", "a.example/three"}, {"format", "tuf"}}));
  while (from_now.got.empty() || from_start.got.size() < 3) agent.io.run_one();
  CHECK(record_repository(from_now.got[0].body) == "a.example/three");
  CHECK_FALSE(from_now.last);
  from_now.leave();
  while (!from_now.last) agent.io.run_one();
  CHECK((*from_now.last)->at("records").as_array().empty());
  from_start.leave();
  while (!from_start.last) agent.io.run_one();
}

TEST_CASE("without \"more\" a follower gets what is there") {
  AgentUnderTest agent;
  const Reply nothing = agent.call("FollowLedger", {});
  CHECK(nothing->at("records").as_array().empty());
  agent.make_keys({"k"});
  CHECK(agent.call("FollowLedger", {{"after", 0}})->at("records").as_array().size() == 1);
}
