#include <catch2/catch.hpp>

#include "protocol/signature.h"
#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

namespace {

boost::json::object generate(const std::string& name, boost::json::array uses,
                             const std::string& algorithm = "ed25519") {
  return {{"token", "software"}, {"name", name}, {"algorithm", algorithm}, {"uses", std::move(uses)}};
}

boost::json::object message(const std::string& key, const std::string& text) {
  return {{"key", key}, {"message", to_base64(as_bytes(text))}};
}

}  // namespace

TEST_CASE("a key name is short, plain and not a key id") {
  AgentUnderTest agent;
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("-x"), std::string(".x"),
                                 std::string(65, 'a'), std::string(64, 'f'), std::string("a/b")})
    CHECK(agent.outcome("GenerateKey", generate(bad, {"tuf"})) == "InvalidParameter name");
  CHECK(agent.outcome("GenerateKey", generate(std::string(64, 'z'), {"tuf"})) == "ok");
  CHECK(agent.outcome("GenerateKey", generate("root-alice.2026_a", {"tuf"})) == "ok");
}

TEST_CASE("the officer's PIN and the CKA_ID reach the token, and no bad CKA_ID does") {
  AgentUnderTest agent;
  boost::json::object wanted = generate("slot", {"message"});
  wanted["soPin"] = "0102";
  wanted["id"] = "1C";
  CHECK(agent.outcome("GenerateKey", wanted) == "ok");
  CHECK(agent.tokens.made_as.so_pin == "0102");
  CHECK(agent.tokens.made_as.id == Bytes{0x1c});
  CHECK(agent.outcome("GenerateKey", generate("user", {"message"})) == "ok");
  CHECK(agent.tokens.made_as.so_pin.empty());
  CHECK(agent.tokens.made_as.id.empty());
  for (const std::string& bad :
       {std::string(), std::string("1"), std::string("9z"), std::string(2 * 65, '0')}) {
    boost::json::object refused = generate("bad", {"message"});
    refused["id"] = bad;
    CHECK(agent.outcome("GenerateKey", refused) == "InvalidParameter id");
  }
  boost::json::object longest = generate("longest", {"message"});
  longest["id"] = std::string(std::size_t{2} * 64, '0');
  CHECK(agent.outcome("GenerateKey", longest) == "ok");
}

TEST_CASE("tuf excludes every other use") {
  AgentUnderTest agent;
  CHECK(agent.outcome("GenerateKey", generate("a", {"tuf", "message"})) ==
        "PolicyDenied tuf-excludes-message");
  CHECK(agent.outcome("GenerateKey", generate("a", {"digest", "tuf"})) == "PolicyDenied tuf-excludes-digest");
  CHECK(agent.outcome("GenerateKey", generate("a", {})) == "InvalidParameter uses");
  CHECK(agent.outcome("GenerateKey", generate("a", {"sign"})) == "InvalidParameter uses");
  CHECK(agent.outcome("GenerateKey", generate("a", {"message", "message"})) == "InvalidParameter uses");
  CHECK(agent.outcome("GenerateKey", generate("a", {"message", "digest"})) == "ok");
}

TEST_CASE("a tuf key never becomes another, not even under a new name after its retirement") {
  AgentUnderTest agent;
  agent.make_keys({"a"});
  const std::string uri(agent.call("ShowKey", {{"key", "a"}})->at("key").at("uri").as_string());
  CHECK(agent.outcome("EnrolKey", {{"uri", uri}, {"name", "b"}, {"uses", {"message"}}}) != "ok");
  REQUIRE(agent.outcome("RetireKey", {{"key", "a"}}) == "ok");
  CHECK(agent.outcome("EnrolKey", {{"uri", uri}, {"name", "b"}, {"uses", {"message"}}}) ==
        "KeyRefused use-excluded");
  CHECK(agent.outcome("EnrolKey", {{"uri", uri}, {"name", "b"}, {"uses", {"tuf"}}}) == "ok");
  agent.restart();
  CHECK(agent.outcome("ShowKey", {{"key", "b"}}) == "ok");
  CHECK(agent.outcome("SignMessage", message("b", "hello")) == "PolicyDenied tuf-excludes-message");
}

TEST_CASE("the same public key is not enrolled under a second name") {
  AgentUnderTest agent;
  agent.make_keys({"a"});
  const std::string uri(agent.call("ShowKey", {{"key", "a"}})->at("key").at("uri").as_string());
  CHECK(agent.outcome("EnrolKey", {{"uri", uri}, {"name", "b"}, {"uses", {"tuf"}}}) == "AlreadyExists");
  CHECK(agent.outcome("GenerateKey", generate("a", {"tuf"})) == "AlreadyExists");
}

TEST_CASE("an extractable or readable key is refused") {
  AgentUnderTest agent;
  agent.tokens.evidence.extractable = true;
  CHECK(agent.outcome("GenerateKey", generate("a", {"tuf"})) == "KeyRefused extractable");
  agent.tokens.evidence.extractable = false;
  agent.tokens.evidence.sensitive = false;
  CHECK(agent.outcome("GenerateKey", generate("a", {"tuf"})) == "KeyRefused not-sensitive");
}

TEST_CASE("a key is found by name, fingerprint and key ids, and listed once") {
  AgentUnderTest agent;
  agent.make_keys({"b", "a"});
  const auto key = agent.call("ShowKey", {{"key", "a"}})->at("key").as_object();
  for (const char* by : {"fingerprint", "tufKeyid", "notaryKeyid"})
    CHECK(agent.outcome("ShowKey", {{"key", key.at(by)}}) == "ok");
  CHECK(agent.outcome("ShowKey", {{"key", "nobody"}}) == "NotFound");
  const auto keys = agent.call("ListKeys", {})->at("keys").as_array();
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].at("name") == "a");
}

TEST_CASE("a message key signs in every scheme of its algorithm, and the signature verifies") {
  AgentUnderTest agent;
  struct Scheme {
    const char *algorithm, *scheme;
  };
  for (const auto& [algorithm, scheme] :
       {Scheme{"ecdsa-p256", "ecdsa-sha2-nistp256"}, Scheme{"ecdsa-p384", "ecdsa-sha2-nistp384"},
        Scheme{"rsa-2048", "rsassa-pss-sha256"}, Scheme{"rsa-3072", "rsassa-pkcs1v15-sha256"},
        Scheme{"ed25519", "ed25519"}}) {
    CAPTURE(algorithm, scheme);
    REQUIRE(agent.outcome("GenerateKey", generate(algorithm, {"message", "digest"}, algorithm)) == "ok");
    auto parameters = message(algorithm, "hello");
    parameters["scheme"] = scheme;
    const Reply reply = agent.call("SignMessage", parameters);
    REQUIRE(reply);
    CHECK(reply->at("scheme") == scheme);
    const auto shown = agent.call("ShowKey", {{"key", algorithm}});
    const auto key = PublicKey::from_pem(shown->at("pem").as_string());
    auto raw = from_base64(reply->at("signature").as_string());
    REQUIRE(key);
    REQUIRE(raw);
    const auto parsed = *parse_signature_scheme(scheme);
    if (std::string_view(algorithm).starts_with("ecdsa")) raw = *ecdsa_der_to_raw(*raw, key->algorithm());
    CHECK(verify_token_signature(*key, parsed, as_bytes("hello"), *raw));
    CHECK_FALSE(verify_token_signature(*key, parsed, as_bytes("hellO"), *raw));
  }
}

TEST_CASE("a digest needs its use, its size and a scheme that takes one") {
  AgentUnderTest agent;
  REQUIRE(agent.outcome("GenerateKey", generate("m", {"message"}, "ecdsa-p256")) == "ok");
  REQUIRE(agent.outcome("GenerateKey", generate("d", {"digest"}, "ecdsa-p256")) == "ok");
  REQUIRE(agent.outcome("GenerateKey", generate("e", {"digest"}, "ed25519")) == "ok");
  agent.make_keys({"t"}, "ecdsa-p256");
  const std::string digest = to_base64(sha256(as_bytes("hello")));
  CHECK(agent.outcome("SignMessage", {{"key", "d"}, {"digest", digest}}) == "ok");
  CHECK(agent.outcome("SignMessage", {{"key", "m"}, {"digest", digest}}) == "KeyRefused use-excluded");
  CHECK(agent.outcome("SignMessage", message("d", "hello")) == "KeyRefused use-excluded");
  CHECK(agent.outcome("SignMessage", {{"key", "t"}, {"digest", digest}}) ==
        "PolicyDenied tuf-excludes-digest");
  CHECK(agent.outcome("SignMessage", {{"key", "e"}, {"digest", digest}}) == "MechanismUnsupported");
  CHECK(agent.outcome("SignMessage", {{"key", "d"}, {"digest", "AAAA"}})
            .starts_with("MetadataInvalid digest-size"));
  CHECK(agent.outcome("SignMessage", {{"key", "d"}, {"digest", "?"}}) == "InvalidParameter digest");
  CHECK(agent.outcome("SignMessage", {{"key", "d"}}) == "InvalidParameter message");
  CHECK(agent.outcome("SignMessage", {{"key", "d"}, {"digest", digest}, {"scheme", "ed25519"}}) ==
        "MechanismUnsupported");
}

TEST_CASE("a message signature is verified on a fresh handle, on a removable token, or always") {
  AgentUnderTest agent;
  REQUIRE(agent.outcome("GenerateKey", generate("m", {"message"})) == "ok");
  agent.tokens.flip_a_bit = true;
  CHECK(agent.outcome("SignMessage", message("m", "x")) == "KeyRefused wrong-signature");
  agent.tokens.fresh_handle = false;
  CHECK(agent.outcome("SignMessage", message("m", "x")) == "ok");
  agent.tokens.removable = true;
  CHECK(agent.outcome("SignMessage", message("m", "x")) == "KeyRefused wrong-signature");
  agent.tokens.removable = false;
  ServiceSettings settings;
  settings.verify_every_message = true;
  agent.service->configure(settings);
  CHECK(agent.outcome("SignMessage", message("m", "x")) == "KeyRefused wrong-signature");
}

TEST_CASE("a retired message key signs nothing") {
  AgentUnderTest agent;
  REQUIRE(agent.outcome("GenerateKey", generate("m", {"message"})) == "ok");
  REQUIRE(agent.outcome("RetireKey", {{"key", "m"}}) == "ok");
  CHECK(agent.outcome("SignMessage", message("m", "x")) == "KeyRefused retired");
}

TEST_CASE("every signature has its intent and its outcome in the ledger") {
  AgentUnderTest agent;
  REQUIRE(agent.outcome("GenerateKey", generate("m", {"message"})) == "ok");
  REQUIRE(agent.outcome("SignMessage", message("m", "x")) == "ok");
  agent.tokens.sign_errors[""] = Error(ErrorName::TokenFault, "The token failed.");
  REQUIRE(agent.outcome("SignMessage", message("m", "y")) == "TokenFault");
  agent.call("Status", {});  // behind the outcome's record, which nobody waits for
  std::string all;
  const Reply read = agent.call("ReadLedger", {{"first", 1}, {"limit", 1000}});
  REQUIRE(read);
  for (const auto& record : read->at("records").as_array())
    all += std::string(record.at("statement").as_string()) + "\n";
  CAPTURE(all);
  CHECK(all.find(sha256_hex(as_bytes("x"))) != std::string::npos);
  CHECK(all.find("\"outcome\":\"signed\"") != std::string::npos);
  CHECK(all.find("\"outcome\":\"TokenFault\"") != std::string::npos);
}
