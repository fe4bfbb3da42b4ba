// Signatures of messages that come together share a record, and each is in exactly one that is durable before
// the signature leaves.
#include <boost/asio/steady_timer.hpp>
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "agent/service/message_recorder.h"
#include "protocol/public_key.h"
#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;

namespace {

struct Statement {
  std::int64_t sequence = 0, uid = 0;
  json::object body;
};

std::vector<Statement> statements(AgentUnderTest& agent, const std::string& kind) {
  agent.call("Status", {});  // behind the outcomes' records, which nobody waits for
  const Reply read = agent.call("ReadLedger", {{"first", 1}, {"limit", 1000}});
  std::vector<Statement> found;
  if (!read) return found;
  for (const json::value& record : read->at("records").as_array()) {
    const json::object statement = json::parse(record.at("statement").as_string()).as_object();
    if (statement.at("kind").as_string() != kind) continue;
    Statement one;
    one.sequence = statement.at("sequence").as_int64();
    one.uid = statement.at("uid").as_int64();
    one.body = statement.at("body").as_object();
    found.push_back(std::move(one));
  }
  return found;
}

// What each intent says was to be signed, in its order.
std::vector<std::string> digests(const json::object& body) {
  std::vector<std::string> found;
  if (const auto* shared = body.if_contains("signatures")) {
    for (const json::value& one : shared->as_array()) found.emplace_back(one.at("digest").as_string());
  } else {
    found.emplace_back(body.at("digest").as_string());
  }
  return found;
}

std::string text_of(std::size_t number) {
  return "message " + std::to_string(number);
}

json::object message(std::string_view key, const std::string& content) {
  return {{"key", key}, {"message", to_base64(as_bytes(content))}};
}

std::vector<std::shared_ptr<PendingCall>> begin_many(AgentUnderTest& agent, std::size_t count) {
  std::vector<std::shared_ptr<PendingCall>> calls;
  for (std::size_t i = 0; i < count; ++i)
    calls.push_back(agent.begin("SignMessage", message("m", text_of(i))));
  return calls;
}

void make_key(AgentUnderTest& agent, const std::string& name = "m") {
  REQUIRE(agent.outcome("GenerateKey", {{"token", "software"},
                                        {"name", name},
                                        {"algorithm", "ed25519"},
                                        {"uses", json::array{"message"}}}) == "ok");
}

}  // namespace

TEST_CASE("signatures that are asked for together share records, each in one") {
  AgentUnderTest agent;
  make_key(agent);
  const std::size_t count = kMostMessagesInRecord + 3;
  const auto calls = begin_many(agent, count);
  for (const auto& call : calls) agent.pump(*call);

  const auto intents = statements(agent, "message-intent");
  CHECK(intents.size() < count / 4);
  std::map<std::string, std::int64_t> record_of;
  for (const Statement& intent : intents) {
    const auto named = digests(intent.body);
    CHECK(named.size() <= kMostMessagesInRecord);
    for (const std::string& digest : named) CHECK(record_of.emplace(digest, intent.sequence).second);
  }
  for (std::size_t i = 0; i < count; ++i) {
    REQUIRE(*calls[i]->reply);
    const std::string digest = sha256_hex(as_bytes(text_of(i)));
    REQUIRE(record_of.contains(digest));
    CHECK((*calls[i]->reply)->at("record").as_int64() == record_of.at(digest));
  }
  CHECK(record_of.size() == count);
  std::set<std::int64_t> ended;
  for (const Statement& outcome : statements(agent, "message-outcome")) {
    CHECK(outcome.body.at("outcome").as_string() == "signed");
    CHECK(ended.insert(outcome.body.at("intent").as_int64()).second);
  }
  CHECK(ended.size() == intents.size());
}

TEST_CASE("a signature alone has a record as it always had") {
  AgentUnderTest agent;
  make_key(agent);
  REQUIRE(agent.outcome("SignMessage", message("m", "x")) == "ok");
  const auto intents = statements(agent, "message-intent");
  REQUIRE(intents.size() == 1);
  CHECK(intents[0].body.at("digest").as_string() == sha256_hex(as_bytes("x")));
  CHECK(intents[0].body.at("input").as_string() == "message");
  CHECK(intents[0].body.contains("key"));
  CHECK(intents[0].body.contains("scheme"));
}

TEST_CASE("users share no record") {
  AgentUnderTest agent;
  make_key(agent);
  std::vector<std::shared_ptr<PendingCall>> calls;
  for (std::size_t i = 0; i < 12; ++i) {
    agent.uid = i % 2 == 0 ? 4001 : 4002;
    calls.push_back(agent.begin("SignMessage", message("m", text_of(i))));
  }
  for (const auto& call : calls) agent.pump(*call);
  for (const Statement& intent : statements(agent, "message-intent"))
    for (const std::string& digest : digests(intent.body))
      for (std::size_t i = 0; i < 12; ++i)
        if (digest == sha256_hex(as_bytes(text_of(i)))) CHECK(intent.uid == (i % 2 == 0 ? 4001 : 4002));
}

TEST_CASE("of a shared record each failure is told of by itself, and the others together") {
  AgentUnderTest agent;
  make_key(agent);
  make_key(agent, "bad");
  agent.tokens.sign_errors["bad"] = Error(ErrorName::TokenFault, "The token failed.");
  auto calls = begin_many(agent, 4);
  calls.push_back(agent.begin("SignMessage", message("bad", "never")));
  for (const auto& call : calls) agent.pump(*call);
  CHECK_FALSE(*calls.back()->reply);

  const auto intents = statements(agent, "message-intent");
  std::map<std::int64_t, std::vector<std::string>> named;
  for (const Statement& intent : intents) named[intent.sequence] = digests(intent.body);
  std::size_t failures = 0;
  for (const Statement& outcome : statements(agent, "message-outcome")) {
    const auto& those = named.at(outcome.body.at("intent").as_int64());
    if (outcome.body.at("outcome").as_string() == "signed") continue;
    ++failures;
    CHECK(outcome.body.at("outcome").as_string() == "TokenFault");
    const auto index = those.size() == 1 ? 0 : outcome.body.at("signature").as_int64();
    CHECK(those.at(static_cast<std::size_t>(index)) == sha256_hex(as_bytes("never")));
  }
  CHECK(failures == 1);
}

TEST_CASE("without a delay no signature leaves before its record") {
  AgentUnderTest agent;
  make_key(agent);
  for (std::size_t i = 0; i < 20; ++i) {
    const auto call = agent.begin("SignMessage", message("m", text_of(i)));
    agent.pump(*call);
    REQUIRE(*call->reply);
    CHECK((*call->reply)->at("record").is_int64());
  }
}

TEST_CASE("with a delay a signature leaves first, and its record comes within it") {
  AgentUnderTest agent;
  make_key(agent);
  ServiceSettings settings;
  settings.message_record_delay = std::chrono::milliseconds(20);
  agent.service->configure(settings);
  for (std::size_t i = 0; i < 10; ++i) {
    const Reply reply = agent.call("SignMessage", message("m", text_of(i)));
    REQUIRE(reply);
    CHECK(reply->at("record").is_null());
  }
  boost::asio::steady_timer timer(agent.io, std::chrono::milliseconds(200));
  bool over = false;
  timer.async_wait([&over](boost::system::error_code) { over = true; });
  while (!over) agent.io.run_one();
  std::size_t recorded = 0;
  for (const Statement& intent : statements(agent, "message-intent")) recorded += digests(intent.body).size();
  CHECK(recorded == 10);
  CHECK_FALSE(statements(agent, "message-outcome").empty());
}
