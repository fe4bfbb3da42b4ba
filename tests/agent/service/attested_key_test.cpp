// Keys whose tokens attest them: what is believed, what is remembered, and what the policy makes of it.
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "agent/attestation/attestation_certificate.h"

#include "tests/agent/service/agent_under_test.h"
#include "tests/support/attestation_maker.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

namespace {

constexpr const char* kEverything =
    "[[rule]]\nname = \"all\"\nanyone = true\naction = [\"sign-metadata\", \"sign-message\", \"retire\", "
    "\"adopt\", \"unlock\", \"read-ledger\", \"administer\"]\n";

std::string rule_for_new_keys(const std::string& limits) {
  return "[[rule]]\nname = \"new\"\nanyone = true\naction = [\"generate\", \"enrol\"]\n" + limits +
         kEverything;
}

// Its token offers, or does not offer, attestations signed by a CA that the agent believes.
struct AttestingAgent : AgentUnderTest {
  explicit AttestingAgent(bool offers = true) {
    believe(maker);
    if (offers) offer(yubikey_extensions());
  }
  void believe(const AttestationMaker& ca) {
    auto roots = std::make_shared<AttestationRoots>();
    REQUIRE(add_roots(*roots, pem_of(ca.root())));
    ServiceSettings settings;
    settings.attestation_roots = std::move(roots);
    service->configure(settings);
  }
  void offer(std::vector<Extension> extensions) {
    tokens.certificate_objects = [this, extensions = std::move(extensions)](const FoundKey* key) {
      std::vector<Bytes> objects{der_of(maker.intermediate())};
      if (key != nullptr) objects.push_back(der_of(maker.attest(key_of(key->spki), extensions)));
      return objects;
    };
  }
  // A key that is on the token and known to nobody.
  std::string key_on_token(const std::string& name) {
    const auto made =
        call("GenerateKey",
             {{"token", "software"}, {"name", name}, {"algorithm", "ecdsa-p256"}, {"uses", {"message"}}});
    REQUIRE(made);
    REQUIRE(call("RetireKey", {{"key", name}}));
    return std::string(made->at("key").at("uri").as_string());
  }
  Bytes spki_of_key(const std::string& name) {
    return PublicKey::from_pem(std::string(call("ShowKey", {{"key", name}})->at("pem").as_string()))
        .value()
        .spki();
  }
  static boost::json::object enrolment(const std::string& uri, const std::string& name) {
    return {{"uri", uri}, {"name", name}, {"uses", {"message"}}};
  }
  boost::json::object enrolled(const std::string& uri, const std::string& name) {
    const auto reply = call("EnrolKey", enrolment(uri, name));
    REQUIRE(reply);
    return reply->at("key").as_object();
  }

  AttestationMaker maker;
};

}  // namespace

TEST_CASE("without an attestation the card's own word on touch and PIN is kept", "[attestation]") {
  AttestingAgent agent;
  const std::string attested = agent.key_on_token("attested");
  agent.tokens.card_says = KeyPolicies{PinPolicy::Once, TouchPolicy::Cached};
  CHECK_FALSE(agent.enrolled(attested, "attested").at("evidence").as_object().contains("touchPolicy"));
  agent.tokens.certificate_objects = nullptr;
  const std::string told = agent.key_on_token("told");
  const auto evidence = agent.enrolled(told, "told").at("evidence");
  CHECK(evidence.at("pinPolicy") == "once");
  CHECK(evidence.at("touchPolicy") == "cached");
  agent.restart();
  CHECK(agent.call("ShowKey", {{"key", "told"}})->at("key").at("evidence") == evidence);
  // It confirms nothing: no attestation says that the card does as it says.
  CHECK(agent.call("ShowKey", {{"key", "told"}})->at("key").at("attestation").is_null());
}

TEST_CASE("an attestation that the token offers is verified, shown and remembered", "[attestation]") {
  AttestingAgent agent;
  const std::string uri = agent.key_on_token("first");
  const auto key = agent.enrolled(uri, "a");
  const auto& attestation = key.at("attestation").as_object();
  CHECK(attestation.at("firmware") == "5.7.1");
  CHECK(attestation.at("serial") == 42);
  CHECK(attestation.at("touchPolicy") == "always");
  CHECK(attestation.at("pinPolicy") == "once");
  CHECK(attestation.at("formFactor") == "USB-C keychain");
  CHECK(attestation.at("root") == "CN=Signet test PIV root CA");
  CHECK(attestation.at("warnings").as_array().empty());
  CHECK_FALSE(attestation.contains("certificate"));
  agent.restart();
  const auto again = agent.call("ShowKey", {{"key", "a"}});
  REQUIRE(again);
  CHECK(again->at("key").at("attestation") == key.at("attestation"));

  const auto attested = agent.call("AttestKey", {{"key", "a"}});
  REQUIRE(attested);
  const std::string certificate(attested->at("attestation").as_string());
  const auto parsed = parse_attestation(certificates_from_pem(certificate).value().front());
  REQUIRE(parsed);
  CHECK(parsed->spki == agent.spki_of_key("a"));
  REQUIRE(attested->at("chain").as_array().size() == 2);
  CHECK(attested->at("chain").at(0) == pem_of(agent.maker.intermediate()).c_str());
  CHECK(attested->at("chain").at(1) == pem_of(agent.maker.root()).c_str());
}

TEST_CASE("weak firmware is warned about", "[attestation]") {
  AttestingAgent agent;
  agent.offer(yubikey_extensions({5, 6, 9}));
  const auto key = agent.enrolled(agent.key_on_token("first"), "a");
  CHECK_THAT(boost::json::serialize(key.at("attestation").at("warnings")), Catch::Contains("YSA-2024-03"));
}

TEST_CASE("without an attestation a key is enrolled, and says so", "[attestation]") {
  AttestingAgent agent(false);
  const auto key = agent.enrolled(agent.key_on_token("first"), "a");
  CHECK(key.at("attestation").is_null());
  const auto attested = agent.call("AttestKey", {{"key", "a"}});
  REQUIRE_FALSE(attested);
  CHECK(attested.error().name == ErrorName::NotFound);
  CHECK(attested.error().parameters.at("kind") == "attestation");
}

TEST_CASE("an attestation by a CA that is not believed counts as none; one that is handed in must be good",
          "[attestation]") {
  AttestingAgent agent;
  const std::string uri = agent.key_on_token("first");
  const Bytes spki = agent.spki_of_key("first");
  const AttestationMaker stranger;
  agent.believe(stranger);
  CHECK(agent.enrolled(uri, "a").at("attestation").is_null());
  REQUIRE(agent.call("RetireKey", {{"key", "a"}}));

  auto handed_in = AttestingAgent::enrolment(uri, "b");
  handed_in["attestation"] = pem_of(agent.maker.attest(key_of(spki)));
  handed_in["intermediate"] = pem_of(agent.maker.intermediate());
  CHECK(agent.outcome("EnrolKey", handed_in) == "KeyRefused attestation-chain");
  agent.believe(agent.maker);
  auto other = handed_in;
  other["attestation"] = pem_of(agent.maker.attest(make_p256_key()));
  CHECK(agent.outcome("EnrolKey", other) == "KeyRefused attestation-other-key");
  other["attestation"] = "no PEM";
  CHECK(agent.outcome("EnrolKey", other) == "KeyRefused attestation-malformed");
  other["attestation"] = pem_of(agent.maker.intermediate());
  CHECK(agent.outcome("EnrolKey", other) == "KeyRefused attestation-not-an-attestation");
  other.erase("attestation");
  CHECK(agent.outcome("EnrolKey", other) == "InvalidParameter intermediate");
  CHECK(agent.outcome("ShowKey", {{"key", "b"}}) == "NotFound");
  CHECK(agent.outcome("EnrolKey", handed_in) == "ok");
}

TEST_CASE("handed in: the issuer may come in the same file, or from the token", "[attestation]") {
  AttestingAgent agent(false);
  const std::string uri = agent.key_on_token("first");
  const std::string leaf = pem_of(agent.maker.attest(key_of(agent.spki_of_key("first"))));
  auto handed_in = AttestingAgent::enrolment(uri, "a");
  handed_in["attestation"] = leaf;
  CHECK(agent.outcome("EnrolKey", handed_in) == "KeyRefused attestation-chain");
  agent.tokens.certificate_objects = [&](const FoundKey*) {
    return std::vector<Bytes>{der_of(agent.maker.intermediate())};
  };
  CHECK(agent.outcome("EnrolKey", handed_in) == "ok");
  REQUIRE(agent.call("RetireKey", {{"key", "a"}}));
  agent.tokens.certificate_objects = nullptr;
  handed_in["attestation"] = leaf + pem_of(agent.maker.intermediate());
  CHECK(agent.outcome("EnrolKey", handed_in) == "ok");
  CHECK(agent.call("ShowKey", {{"key", "a"}})->at("key").at("attestation").is_object());
}

TEST_CASE("the policy holds keys against their attestation when they are enrolled", "[attestation][policy]") {
  AttestingAgent agent;
  const std::string uri = agent.key_on_token("first");
  agent.use_policy(
      rule_for_new_keys("attestation = \"required\"\nleast-firmware = \"5.7\"\ntouch-policies = "
                        "\"always\"\n"));
  agent.offer(yubikey_extensions({5, 6, 9}));
  CHECK(agent.outcome("EnrolKey", AttestingAgent::enrolment(uri, "a")) == "PolicyDenied new");
  agent.offer(yubikey_extensions({5, 7, 0}, {0x02, 0x01, 0x2a}, {0x02, 0x03}));
  CHECK(agent.outcome("EnrolKey", AttestingAgent::enrolment(uri, "a")) == "PolicyDenied new");
  agent.tokens.certificate_objects = nullptr;
  const auto none = agent.call("EnrolKey", AttestingAgent::enrolment(uri, "a"));
  REQUIRE_FALSE(none);
  CHECK_THAT(none.error().message, Catch::Contains("no attestation") && Catch::Contains("--attestation"));
  CHECK(agent.outcome("ShowKey", {{"key", "a"}}) == "NotFound");
  agent.offer(yubikey_extensions({5, 7, 0}));
  CHECK(agent.outcome("EnrolKey", AttestingAgent::enrolment(uri, "a")) == "ok");
}

TEST_CASE("... and when they are made: what does not fit stays on the token, not enrolled",
          "[attestation][policy]") {
  AttestingAgent agent;
  agent.use_policy(rule_for_new_keys("touch-policies = \"always\"\n"));
  const boost::json::object make{
      {"token", "software"}, {"name", "a"}, {"algorithm", "ecdsa-p256"}, {"uses", {"tuf"}}};
  agent.offer(yubikey_extensions({5, 7, 0}, {0x02, 0x01, 0x2a}, {0x02, 0x01}));
  const auto refused = agent.call("GenerateKey", make);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().name == ErrorName::PolicyDenied);
  CHECK_THAT(refused.error().message,
             Catch::Contains("touch-policies") && Catch::Contains("is on the token"));
  CHECK(agent.outcome("ShowKey", {{"key", "a"}}) == "NotFound");
  agent.offer(yubikey_extensions());
  CHECK(agent.outcome("GenerateKey", make) == "ok");
}

TEST_CASE("a key whose token wants a touch for each signature confirms with it; cached and never do not",
          "[attestation][policy]") {
  struct Case {
    const char* name;
    std::uint8_t touch;
    bool asks_person;
  };
  for (const Case& one : {Case{"always", 2, false}, Case{"cached", 3, true}, Case{"never", 1, true}}) {
    CAPTURE(one.name);
    AttestingAgent agent;
    agent.offer(yubikey_extensions({5, 7, 1}, {0x02, 0x01, 0x2a}, {0x02, one.touch}));
    agent.enrolled(agent.key_on_token("first"), "a");
    std::size_t asked = 0;
    agent.service->ask_through([&](Confirmation) -> boost::asio::awaitable<Result<void>> {
      ++asked;
      co_return Result<void>();
    });
    agent.use_policy(
        "[[rule]]\nname = \"ask\"\nanyone = true\nconfirm = \"person\"\naction = [\"sign-message\", "
        "\"retire\"]\n");
    CHECK(agent.outcome("SignMessage", {{"key", "a"}, {"message", "aGVsbG8="}}) == "ok");
    CHECK(asked == (one.asks_person ? 1 : 0));
    const auto explained =
        agent.call("ExplainPolicy", {{"question", {{"action", "sign-message"}, {"key", "a"}}}});
    REQUIRE(explained);
    CHECK(explained->at("verdict").at("confirmedByTouch") == !one.asks_person);
    // Retiring it asks for no touch.
    CHECK(agent.outcome("RetireKey", {{"key", "a"}}) == "ok");
    CHECK(asked == (one.asks_person ? 2 : 1));
  }
}

TEST_CASE("the ledger's record of an enrolment holds the attestation, in its private detail",
          "[attestation]") {
  AttestingAgent agent;
  agent.enrolled(agent.key_on_token("first"), "a");
  const auto listed = agent.call("ListRecords", {{"filter", {{"kind", "key.enrol-again"}}}});
  REQUIRE(listed);
  REQUIRE(listed->at("records").as_array().size() == 1);
  const auto& record = listed->at("records").at(0);
  CHECK_THAT(std::string(record.at("statement").as_string()), !Catch::Contains("5.7.1"));
  const auto shown = agent.call("ShowRecord", {{"sequence", record.at("sequence")}, {"disclose", true}});
  REQUIRE(shown);
  CHECK_THAT(std::string(shown->at("detail").at("detail").as_string()),
             Catch::Contains("\"firmware\":\"5.7.1\"") && Catch::Contains("\"certificate\":"));
}
