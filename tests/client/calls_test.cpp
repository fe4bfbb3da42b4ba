// What libsignet's calls say on the wire, and what they make of the replies.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <future>

#include "client/signet.h"
#include "tests/client/fake_agent.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::client;
using namespace signet::test;

namespace {

constexpr const char* kKey =
    R"({"name":"a","uri":"u","algorithm":"ed25519","fingerprint":"f","tufKeyid":"t","notaryKeyid":"n","uses":["tuf"],)"
    R"("tokenLabel":"l","tokenSerial":"s","state":"active","created":"c","evidence":{"local":true,"sensitive":true,)"
    R"("extractable":false,"alwaysSensitive":true,"neverExtractable":true,"alwaysAuthenticate":false},"later":[1]})";
constexpr const char* kToken =
    R"({"name":"t","label":"t","serial":"1","manufacturer":"m","model":"o","module":"p","uri":"u","state":"unlocked",)"
    R"("pin":"ok","removable":false})";

// An agent that keeps what it was asked last and answers with `parameters`.
struct Recorder {
  explicit Recorder(const std::string& parameters)
      : agent([this, parameters](FakeClient& client, int) {
          while (auto call = client.read()) {
            method = call->method;
            more = call->more;
            asked = boost::json::serialize(call->parameters);
            client.reply("{\"parameters\":" + parameters + "}");
          }
        }) {}

  Agent connect() {
    ConnectOptions options;
    options.socket = agent.socket();
    return Agent::connect(options).value();
  }
  boost::json::value parameters() const { return boost::json::parse(asked); }

  std::string method, asked;
  bool more = false;
  FakeAgent agent;  // last: its threads end before the rest goes
};

}  // namespace

TEST_CASE("a PIN goes into its parameter, null says to use the configured source") {
  Recorder recorder(std::string("{\"token\":") + kToken + "}");
  Agent client = recorder.connect();
  const auto token = client.unlock_token("t", std::optional<Secret>(Secret("12\"\\34")));
  REQUIRE(token);
  CHECK(token->state == "unlocked");
  CHECK(recorder.method == "org.signet.Agent.UnlockToken");
  CHECK(recorder.parameters().at("pin") == "12\"\\34");
  REQUIRE(client.unlock_token("t"));
  CHECK(recorder.parameters().at("pin").is_null());

  InitTokenCall init;
  init.token = "softhsm";
  init.label = "new";
  init.so_pin = Secret("so");
  init.pin = Secret("user");
  REQUIRE(client.init_token(init));
  CHECK(recorder.parameters() ==
        boost::json::parse(R"({"token":"softhsm","label":"new","soPin":"so","pin":"user"})"));
}

TEST_CASE("keys: members that a newer agent adds are ignored") {
  Recorder recorder(std::string("{\"key\":") + kKey + "}");
  Agent client = recorder.connect();
  GenerateKeyCall call;
  call.token = "t";
  call.name = "a";
  call.algorithm = "ed25519";
  call.uses = {"tuf"};
  const auto key = client.generate_key(call);
  REQUIRE(key);
  CHECK(key->evidence.never_extractable);
  CHECK(key->uses == std::vector<std::string>{"tuf"});
  CHECK(recorder.parameters() ==
        boost::json::parse(R"({"token":"t","name":"a","algorithm":"ed25519","uses":["tuf"],"pin":null})"));
  call.so_pin.emplace("0102");
  call.id = "02";
  REQUIRE(client.generate_key(call));
  CHECK(recorder.parameters().at("soPin") == "0102");
  CHECK(recorder.parameters().at("id") == "02");
  EnrolKeyCall enrol;
  enrol.uri = "pkcs11:";
  enrol.name = "b";
  enrol.uses = {"message", "digest"};
  REQUIRE(client.enrol_key(enrol));
  CHECK(recorder.parameters() ==
        boost::json::parse(R"({"uri":"pkcs11:","name":"b","uses":["message","digest"]})"));
}

TEST_CASE("signing metadata without a callback does not ask for more") {
  Recorder recorder(
      R"({"result":{"digest":"d","version":3,"results":[{"key":null,"keyid":"k","status":"missing","signature":null,)"
      R"("hint":"insert it","fault":{"error":"org.signet.Agent.TokenAbsent","parameters":{"label":"l","serial":"s",)"
      R"("message":"not there"}}}],"earlier":[{"keyid":"e","sig":"00"}],"warnings":["w"]},"event":null})");
  Agent client = recorder.connect();
  SignMetadataCall call;
  call.repository = "r";
  call.role = "root";
  call.format = "tuf";
  call.signed_bytes = "{}";
  const auto result = client.sign_metadata(call);
  REQUIRE(result);
  CHECK_FALSE(recorder.more);
  CHECK(recorder.parameters().as_object().if_contains("keys") == nullptr);
  CHECK(result->version == 3);
  REQUIRE(result->results.size() == 1);
  const SignatureInfo& one = result->results.front();
  CHECK_FALSE(one.key);
  CHECK_FALSE(one.signature);
  CHECK(one.hint == "insert it");
  REQUIRE(one.fault);
  CHECK(one.fault->name == ErrorName::TokenAbsent);
  CHECK(one.fault->message == "not there");
  CHECK(one.fault->parameters.at("serial") == "s");
  CHECK(result->earlier.size() == 1);
  CHECK(result->warnings == std::vector<std::string>{"w"});

  call.keys = {"k1", "k2"};
  call.supersede = true;
  REQUIRE(client.sign_metadata(call));
  CHECK(
      recorder.parameters() ==
      boost::json::parse(R"({"repository":"r","role":"root","format":"tuf","signed":"{}","keys":["k1","k2"],)"
                         R"("dryRun":false,"supersede":true,"acceptLowerThreshold":false})"));
}

TEST_CASE("events reach the callback, in order, before the result") {
  FakeAgent agent([](FakeClient& client, int) {
    while (auto call = client.read()) {
      if (!call->more) return;
      client.reply(
          R"({"parameters":{"event":{"kind":"queued","message":"behind another"}},"continues":true})");
      client.reply(
          R"({"parameters":{"event":{"kind":"touch","token":"t","key":"k","message":"touch it"}},"continues":true})");
      // What this build does not know is no reason to give up.
      client.reply(R"({"parameters":{"event":7},"continues":true})");
      client.reply(R"({"parameters":{"signature":"AAE=","scheme":"ed25519"}})");
    }
  });
  ConnectOptions options;
  options.socket = agent.socket();
  Agent client = Agent::connect(options).value();
  SignMessageCall call;
  call.key = "k";
  call.message = Bytes{1};
  std::vector<std::string> kinds;
  const auto signature = client.sign_message(call, [&](const Event& event) {
    kinds.push_back(event.kind + ":" + event.key.value_or("-"));
    return true;
  });
  REQUIRE(signature);
  CHECK(signature->signature == Bytes{0, 1});
  CHECK(kinds == std::vector<std::string>{"queued:-", "touch:k"});
}

TEST_CASE("a batch is one call, and has a result for each message") {
  Recorder recorder(
      R"({"scheme":"ed25519","results":[{"signature":"AAE=","record":3,"fault":null},{"signature":null,"fault":)"
      R"({"error":"org.signet.Agent.Busy","parameters":{"retryAfterMs":7,"message":"later"}}}]})");
  Agent client = recorder.connect();
  SignMessagesCall call;
  call.key = "k";
  call.messages = {Bytes{1}, Bytes{2}};
  const auto made = client.sign_messages(call);
  REQUIRE(made);
  CHECK(recorder.method == "org.signet.Agent.SignMessage");
  CHECK(recorder.parameters() == boost::json::parse(R"({"key":"k","messages":["AQ==","Ag=="]})"));
  REQUIRE(made->results.size() == 2);
  CHECK(made->results[0].signature == Bytes{0, 1});
  CHECK(made->results[0].record == 3);
  CHECK_FALSE(made->results[1].signature);
  CHECK(made->results[1].fault->name == ErrorName::Busy);
  call.messages.push_back(Bytes{3});
  const auto too_few = client.sign_messages(call);
  REQUIRE_FALSE(too_few);
  CHECK(too_few.error().parameters.at("why") == "malformed");
  call.messages.clear();
  call.digests = {Bytes{1}, Bytes{2}};
  REQUIRE(client.sign_messages(call));
  CHECK(recorder.parameters() == boost::json::parse(R"({"key":"k","digests":["AQ==","Ag=="]})"));
}

TEST_CASE("a callback that says no abandons the call; the next one has a connection of its own") {
  FakeAgent agent([](FakeClient& client, int number) {
    client.read();
    if (number == 0) {
      client.reply(R"({"parameters":{"event":{"kind":"touch","message":"m"}},"continues":true})");
      client.read();  // until the client has gone
    } else {
      client.reply(R"({"parameters":{"keys":[]}})");
      client.read();
    }
  });
  ConnectOptions options;
  options.socket = agent.socket();
  Agent client = Agent::connect(options).value();
  const auto given_up = client.sign_metadata({}, [](const Event&) { return false; });
  REQUIRE_FALSE(given_up);
  CHECK(given_up.error().parameters.at("why") == "abandoned");
  CHECK(client.list_keys());
}

TEST_CASE("while one call waits for a PIN, another connection unlocks the token") {
  std::promise<void> unlocked;
  FakeAgent agent([&](FakeClient& client, int) {
    auto call = client.read();
    if (!call) return;
    if (call->method.ends_with("UnlockToken")) {
      unlocked.set_value();
      client.reply(std::string("{\"parameters\":{\"token\":") + kToken + "}}");
      return;
    }
    client.reply(R"({"parameters":{"event":{"kind":"pin","token":"t","message":"m"}},"continues":true})");
    unlocked.get_future().wait();
    client.reply(R"({"parameters":{"signature":"AAE=","scheme":"ed25519"}})");
  });
  ConnectOptions options;
  options.socket = agent.socket();
  Agent client = Agent::connect(options).value();
  SignMessageCall call;
  call.message = Bytes{1};
  const auto signature = client.sign_message(call, [&](const Event& event) {
    return Agent::connect(options)
        ->unlock_token(*event.token, std::optional<Secret>(Secret("1")))
        .has_value();
  });
  CHECK(signature);
}

TEST_CASE("errors keep their name, message and parameters") {
  FakeAgent agent(always(
      R"({"error":"org.signet.Agent.PinRefused","parameters":{"token":"t","remaining":"final","message":"no"}})"));
  ConnectOptions options;
  options.socket = agent.socket();
  const auto refused = Agent::connect(options)->unlock_token("t");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().name == ErrorName::PinRefused);
  CHECK(refused.error().message == "no");
  CHECK(refused.error().parameters == boost::json::parse(R"({"token":"t","remaining":"final"})").as_object());
}

TEST_CASE("call_more gives every reply but the last to the callback") {
  FakeAgent agent([](FakeClient& client, int) {
    client.read();
    for (int number = 0; number < 3; ++number)
      client.reply("{\"parameters\":{\"n\":" + std::to_string(number) + "},\"continues\":true}");
    client.reply(R"({"parameters":{"n":3}})");
    client.read();
  });
  ConnectOptions options;
  options.socket = agent.socket();
  Agent client = Agent::connect(options).value();
  std::int64_t sum = 0;
  const auto last = client.call_more("org.example.Watch", {}, [&](const boost::json::object& reply) {
    sum += reply.at("n").as_int64();
    return true;
  });
  REQUIRE(last);
  CHECK(last->at("n") == 3);
  CHECK(sum == 3);
}
