// SignMessage with a list of messages or digests.
#include "agent/service/message_batch.h"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "protocol/signature.h"
#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;

namespace {

std::string text(std::size_t number) {
  return "message " + std::to_string(number);
}

json::array messages(std::size_t count) {
  json::array all;
  for (std::size_t number = 0; number < count; ++number) all.emplace_back(to_base64(as_bytes(text(number))));
  return all;
}

struct Signing : AgentUnderTest {
  explicit Signing(const std::string& algorithm = "ecdsa-p256") {
    REQUIRE(outcome("GenerateKey", {{"token", "software"},
                                    {"name", "build"},
                                    {"algorithm", algorithm},
                                    {"uses", {"message", "digest"}}}) == "ok");
    const auto shown = call("ShowKey", {{"key", "build"}});
    key = PublicKey::from_pem(std::string(shown->at("pem").as_string())).value();
  }
  Reply sign(json::object parameters) {
    parameters["key"] = "build";
    return call("SignMessage", std::move(parameters));
  }
  std::string outcome_of(json::object parameters) {
    parameters["key"] = "build";
    return outcome("SignMessage", std::move(parameters));
  }
  // Whether a result is a good signature over that message.
  bool good(const json::value& result, std::size_t number) {
    if (!result.at("signature").is_string()) return false;
    const auto der = from_base64(std::string(result.at("signature").as_string()));
    const auto raw = ecdsa_der_to_raw(*der, key->algorithm());
    return raw && verify_token_signature(*key, SignatureScheme::EcdsaSha256, as_bytes(text(number)), *raw);
  }
  std::size_t good(const json::array& results) {
    std::size_t count = 0;
    for (std::size_t number = 0; number < results.size(); ++number)
      count += good(results[number], number) ? 1 : 0;
    return count;
  }
  // Digests that the ledger says were to be signed, each as often as it says so.
  std::multiset<std::string> recorded() {
    std::multiset<std::string> digests;
    const auto note = [&](const json::object& body) {
      digests.insert(std::string(body.at("digest").as_string()));
    };
    const auto read = call("ReadLedger", {{"first", 1}, {"limit", 1000}});
    for (const auto& record : read->at("records").as_array()) {
      const auto statement = json::parse(std::string(record.at("statement").as_string())).as_object();
      if (statement.at("kind").as_string() != "message-intent") continue;
      const auto& body = statement.at("body").as_object();
      if (const auto* several = body.if_contains("signatures"))
        for (const auto& one : several->as_array()) note(one.as_object());
      else
        note(body);
    }
    return digests;
  }

  std::optional<PublicKey> key;
};

std::string fault_of(const json::value& result) {
  return result.at("fault").is_null() ? "" : std::string(result.at("fault").at("error").as_string());
}

}  // namespace

TEST_CASE("every message of a list is signed and recorded, in its order") {
  Signing agent;
  const auto reply = agent.sign({{"messages", messages(40)}});
  REQUIRE(reply);
  CHECK(reply->at("scheme") == "ecdsa-sha2-nistp256");
  CHECK(reply->at("signature").is_null());
  const auto& results = reply->at("results").as_array();
  CHECK(results.size() == 40);
  CHECK(agent.good(results) == 40);
  for (const auto& result : results) {
    CHECK(result.at("fault").is_null());
    CHECK(result.at("record").is_int64());
  }
  const auto recorded = agent.recorded();
  CHECK(recorded.size() == 40);
  for (std::size_t number = 0; number < 40; ++number)
    CHECK(recorded.count(sha256_hex(as_bytes(text(number)))) == 1);
}

TEST_CASE("digests, too, and one alone") {
  Signing agent;
  json::array digests{to_base64(sha256(as_bytes(text(0))))};
  const auto reply = agent.sign({{"digests", digests}});
  REQUIRE(reply);
  CHECK(agent.good(reply->at("results").as_array()) == 1);
  // The one that is no SHA-256 has its own fault.
  digests.emplace_back(to_base64(Bytes(31)));
  const auto both = agent.sign({{"digests", digests}});
  REQUIRE(both);
  CHECK(agent.good(both->at("results").at(0), 0));
  CHECK(fault_of(both->at("results").at(1)).find("MetadataInvalid") != std::string::npos);
}

TEST_CASE("what is no list of messages is refused, and nothing is signed") {
  Signing agent;
  const auto one = messages(1);
  const std::string message(one[0].as_string());
  CHECK(agent.outcome_of({{"messages", json::array()}}) == "InvalidParameter messages");
  CHECK(agent.outcome_of({{"digests", json::array()}}) == "InvalidParameter digests");
  CHECK(agent.outcome_of({{"messages", one}, {"message", message}}) == "InvalidParameter message");
  CHECK(agent.outcome_of({{"messages", one}, {"digest", message}}) == "InvalidParameter digest");
  CHECK(agent.outcome_of({{"messages", one}, {"digests", one}}) == "InvalidParameter messages");
  CHECK(agent.outcome_of({{"messages", {message, "!"}}}) == "InvalidParameter messages");
  CHECK(agent.outcome_of({{"messages", {message, 7}}}) == "InvalidParameter messages");
  CHECK(agent.outcome_of({{"messages", one}, {"scheme", "ed25519"}}) == "MechanismUnsupported");
  const auto bad = agent.sign({{"messages", {message, message, "!"}}});
  CHECK(bad.error().message.find("Number 3") != std::string::npos);
  CHECK(agent.tokens.signatures == 0);
  CHECK(agent.recorded().empty());
}

TEST_CASE("a list has its limit") {
  Signing agent;
  const auto refused = agent.sign({{"messages", messages(kMostMessagesInBatch + 1)}});
  CHECK(refused.error().name == ErrorName::LimitExceeded);
  CHECK(refused.error().parameters.at("limit") == "batch-messages");
  CHECK(agent.tokens.signatures == 0);
  const auto reply = agent.sign({{"messages", messages(kMostMessagesInBatch)}});
  REQUIRE(reply);
  CHECK(agent.good(reply->at("results").as_array()) == kMostMessagesInBatch);
}

TEST_CASE("one message's fault is its own; where none is signed, it is the call's") {
  Signing agent;
  std::size_t asked = 0;
  agent.tokens.fail_signature = [&]() -> std::optional<Error> {
    if (++asked != 3) return std::nullopt;
    return Error(ErrorName::TokenFault, "It broke.",
                 {{"token", "t"}, {"ckr", "CKR_DEVICE_ERROR"}, {"call", "C_Sign"}});
  };
  const auto reply = agent.sign({{"messages", messages(5)}});
  REQUIRE(reply);
  const auto& results = reply->at("results").as_array();
  CHECK(agent.good(results) == 4);
  CHECK(fault_of(results[2]) == "org.signet.Agent.TokenFault");
  agent.tokens.fail_signature = nullptr;
  agent.tokens.sign_errors.emplace("build", Error(ErrorName::PinRequired, "It is locked.", {{"token", "t"}}));
  CHECK(agent.outcome_of({{"messages", messages(5)}}) == "PinRequired");
}

TEST_CASE("a signature that does not verify does not leave, and its token is distrusted") {
  Signing agent;
  agent.tokens.flip_a_bit = true;
  CHECK(agent.outcome_of({{"messages", messages(3)}}) == "KeyRefused wrong-signature");
  CHECK(agent.tokens.distrusted.size() == 1);  // once, when all are back
}

TEST_CASE("a list is held against the policy as one message is") {
  Signing agent;
  agent.make_keys({"tuf"});
  agent.use_policy(
      "[[rule]]\nname = \"digests\"\nanyone = true\naction = \"sign-message\"\nuse = \"digest\"\n");
  CHECK(agent.outcome_of({{"messages", messages(2)}}) == "PolicyDenied no-rule-matched");
  CHECK(agent.outcome_of({{"digests", {to_base64(sha256(as_bytes(text(0))))}}}) == "ok");
  CHECK(agent.outcome("SignMessage", {{"key", "tuf"}, {"messages", messages(2)}}) ==
        "PolicyDenied tuf-excludes-message");
  CHECK(agent.tokens.signatures == 1);
}

TEST_CASE("a digest for a key that signs only messages fails as a call") {
  Signing agent("ed25519");
  CHECK(agent.outcome_of({{"digests", {to_base64(Bytes(32)), to_base64(Bytes(32))}}}) ==
        "MechanismUnsupported");
  CHECK(agent.tokens.signatures == 0);
  CHECK(agent.recorded().empty());
}
