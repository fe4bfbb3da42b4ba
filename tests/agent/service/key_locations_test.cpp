// AddKeyLocation and RemoveKeyLocation, and where signatures are made then.
#include <catch2/catch.hpp>

#include "protocol/signature.h"
#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

namespace {

struct Replicated : AgentUnderTest {
  Replicated() {
    REQUIRE(outcome("GenerateKey", {{"token", "software"},
                                    {"name", "build"},
                                    {"algorithm", "ecdsa-p256"},
                                    {"uses", {"message"}}}) == "ok");
    uri = std::string(call("ShowKey", {{"key", "build"}})->at("key").at("uri").as_string());
  }
  std::string add(const std::string& label, boost::json::object more = {}) {
    more["key"] = "build";
    more["uri"] = tokens.replicate(uri, label);
    return outcome("AddKeyLocation", more);
  }
  std::string remove(const std::string& token) {
    return outcome("RemoveKeyLocation", {{"key", "build"}, {"token", token}});
  }
  // "label order/weight fault, …" by ShowKey; ListKeys must say the same.
  std::string locations() {
    const auto shown = call("ShowKey", {{"key", "build"}});
    REQUIRE(shown);
    const auto& key = shown->at("key").as_object();
    const auto listed = call("ListKeys", {});
    CHECK(listed->at("keys").as_array().at(0) == shown->at("key"));
    std::string text;
    for (const auto& location : key.at("locations").as_array()) {
      text += (text.empty() ? "" : ", ") + std::string(location.at("tokenLabel").as_string()) + " " +
              std::to_string(location.at("order").as_int64()) + "/" +
              std::to_string(location.at("weight").as_int64());
      if (location.at("fault").is_string()) text += " " + std::string(location.at("fault").as_string());
    }
    return text;
  }
  std::string sign() {
    return outcome("SignMessage", {{"key", "build"}, {"message", to_base64(as_bytes("hello"))}});
  }
  std::string signed_on() {
    std::string text;
    for (const KeyPlace& place : tokens.last_places) text += (text.empty() ? "" : ", ") + place.token_label;
    return text;
  }
  std::string uri;
};

}  // namespace

TEST_CASE("a key on several tokens is shown with all of them, also after a restart") {
  Replicated agent;
  CHECK(agent.locations() == "software 0/1");
  CHECK(agent.add("b") == "ok");
  CHECK(agent.add("c", {{"order", 99}, {"weight", 100}}) == "ok");
  agent.tokens.faults["c"] = "It is not there.";
  CHECK(agent.locations() == "software 0/1, b 0/1, c 99/100 It is not there.");
  agent.restart();
  CHECK(agent.locations() == "software 0/1, b 0/1, c 99/100 It is not there.");
  CHECK(agent.sign() == "ok");
  CHECK(agent.signed_on() == "software, b, c");
}

TEST_CASE("order and weight have their limits") {
  Replicated agent;
  CHECK(agent.add("b", {{"order", -1}}) == "InvalidParameter order");
  CHECK(agent.add("b", {{"order", 100}}) == "InvalidParameter order");
  CHECK(agent.add("b", {{"weight", 0}}) == "InvalidParameter weight");
  CHECK(agent.add("b", {{"weight", 101}}) == "InvalidParameter weight");
  CHECK(agent.locations() == "software 0/1");
  CHECK(agent.outcome("AddKeyLocation",
                      {{"key", "build"}, {"uri", agent.uri}, {"order", 3}, {"weight", 9}}) == "ok");
  CHECK(agent.locations() == "software 3/9");
}

TEST_CASE("another key, and one that can leave its token, is no further place of a key") {
  Replicated agent;
  agent.make_keys({"other"});
  const std::string other(agent.call("ShowKey", {{"key", "other"}})->at("key").at("uri").as_string());
  CHECK(agent.outcome("AddKeyLocation", {{"key", "build"}, {"uri", other}}) == "InvalidParameter uri");
  agent.tokens.evidence.extractable = true;
  CHECK(agent.add("b") == "KeyRefused extractable");
  agent.tokens.evidence.extractable = false;
  agent.tokens.evidence.sensitive = false;
  CHECK(agent.add("b") == "KeyRefused not-sensitive");
  CHECK(agent.outcome("AddKeyLocation", {{"key", "nobody"}, {"uri", agent.uri}}) == "NotFound");
  CHECK(agent.outcome("AddKeyLocation", {{"key", "build"}, {"uri", "pkcs11:token=none"}}) == "NotFound");
  CHECK(agent.locations() == "software 0/1");
}

TEST_CASE("a token is forgotten by its label, serial number or URI, and the last one is not") {
  Replicated agent;
  REQUIRE(agent.add("b") == "ok");
  REQUIRE(agent.add("c") == "ok");
  REQUIRE(agent.add("d") == "ok");
  CHECK(agent.remove("e") == "NotFound");
  CHECK(agent.remove("serial of b") == "ok");
  CHECK(agent.remove("pkcs11:token=c") == "ok");
  CHECK(agent.locations() == "software 0/1, d 0/1");
  CHECK(agent.remove("software") == "ok");
  CHECK(agent.locations() == "d 0/1");
  CHECK(agent.sign() == "ok");
  CHECK(agent.signed_on() == "d");
  CHECK(agent.remove("d") == "InvalidParameter token");
}

TEST_CASE("a retired key gets no further place") {
  Replicated agent;
  REQUIRE(agent.add("b") == "ok");
  REQUIRE(agent.outcome("RetireKey", {{"key", "build"}}) == "ok");
  CHECK(agent.add("c") == "KeyRefused retired");
  CHECK(agent.remove("b") == "KeyRefused retired");
}

// A rule that names a token is not escaped by a replica on another one.
TEST_CASE("a signature is made on those tokens alone that the policy allows") {
  Replicated agent;
  REQUIRE(agent.add("b") == "ok");
  REQUIRE(agent.add("c") == "ok");
  const std::string rule = "[[rule]]\nanyone = true\naction = \"sign-message\"\n";
  agent.use_policy(rule + "name = \"these\"\ntoken = [\"software\", \"c\"]\n");
  CHECK(agent.sign() == "ok");
  CHECK(agent.signed_on() == "software, c");
  // Another rule may have other terms.
  agent.use_policy(rule + "name = \"one\"\ntoken = \"software\"\n" + rule +
                   "name = \"two\"\ntoken = \"b\"\n");
  CHECK(agent.sign() == "ok");
  CHECK(agent.signed_on() == "software");
  agent.use_policy(rule + "name = \"elsewhere\"\ntoken = \"b\"\n");
  CHECK(agent.sign() == "PolicyDenied no-rule-matched");
}

TEST_CASE("metadata, too, is signed on those tokens alone that the policy allows") {
  AgentUnderTest agent;
  agent.make_keys({"r", "t", "s", "ts"});
  const std::string uri(agent.call("ShowKey", {{"key", "r"}})->at("key").at("uri").as_string());
  for (const char* label : {"b", "c"})
    REQUIRE(agent.outcome("AddKeyLocation", {{"key", "r"}, {"uri", agent.tokens.replicate(uri, label)}}) ==
            "ok");
  REQUIRE(agent.outcome("CreateRepository", {{"name", "example.com/app"}, {"format", "tuf"}}) == "ok");
  agent.use_policy(
      "[[rule]]\nname = \"these\"\nanyone = true\naction = \"sign-metadata\"\ntoken = [\"software\", "
      "\"b\"]\n");
  const auto root = root_metadata(
      agent, 1,
      {{"root", {{"r"}, 1}}, {"targets", {{"t"}, 1}}, {"snapshot", {{"s"}, 1}}, {"timestamp", {{"ts"}, 1}}});
  REQUIRE(agent.outcome("SignMetadata", sign_parameters("example.com/app", "root", root)) == "ok");
  REQUIRE(agent.tokens.last_places.size() == 2);
  CHECK(agent.tokens.last_places[0].token_label == "software");
  CHECK(agent.tokens.last_places[1].token_label == "b");
}
