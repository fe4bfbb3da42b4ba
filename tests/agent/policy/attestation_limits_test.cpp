// The limits on what a token's maker says of a key.
#include <catch2/catch.hpp>

#include "agent/policy/decide.h"
#include "agent/policy/limits.h"
#include "tests/agent/policy/policy_fixture.h"

namespace signet::test {
namespace {

Verdict with(const std::string& limits, const PolicyRequest& asked) {
  return decide(policy("[[rule]]\nname = \"r\"\nanyone = true\naction = \"" +
                       std::string(to_string(asked.action)) + "\"\n" + limits),
                asked);
}

PolicyRequest enrolling(std::optional<KeyAttestation> attestation) {
  PolicyRequest asked = request(Action::Enrol);
  asked.key->attestation = attestation;
  return asked;
}

KeyAttestation attested(FirmwareVersion firmware = {5, 7, 0}, TouchPolicy touch = TouchPolicy::Always,
                        PinPolicy pin = PinPolicy::Once) {
  KeyAttestation facts;
  facts.firmware = firmware;
  facts.touch = touch;
  facts.pin = pin;
  return facts;
}

std::vector<std::string> broken(const std::string& limits, const PolicyRequest& asked) {
  const Verdict verdict = with(limits, asked);
  CHECK(verdict.allowed == verdict.broken.empty());
  return verdict.broken;
}

TEST_CASE(
    "a key without an attestation breaks each limit that needs one, and the refusal says why there is none") {
  for (const char* limit : {"attestation = \"required\"", "least-firmware = \"5.7\"",
                            "touch-policies = \"always\"", "pin-policies = [\"once\"]"}) {
    CAPTURE(limit);
    CHECK(broken(std::string(limit) + "\n", enrolling(std::nullopt)).size() == 1);
    CHECK(broken(std::string(limit) + "\n", enrolling(attested())).empty());
  }
  PolicyRequest asked = enrolling(std::nullopt);
  asked.key->no_attestation = "Its token's module offers none.";
  CHECK(with("attestation = \"required\"\n", asked).sentence.find("Its token's module offers none.") !=
        std::string::npos);
  CHECK(broken("attestation = \"any\"\n", enrolling(std::nullopt)).empty());
}

TEST_CASE("least-firmware, at its edge") {
  CHECK(broken("least-firmware = \"5.7\"\n", enrolling(attested({5, 6, 255}))) ==
        std::vector<std::string>{"least-firmware"});
  CHECK(broken("least-firmware = \"5.7\"\n", enrolling(attested({5, 7, 0}))).empty());
  CHECK(broken("least-firmware = \"5.7.2\"\n", enrolling(attested({5, 7, 1}))).size() == 1);
  CHECK(broken("least-firmware = \"5.7.2\"\n", enrolling(attested({5, 10, 0}))).empty());
}

TEST_CASE("touch and PIN policies: one of the list, and nothing else") {
  const std::string touch = "touch-policies = [\"always\", \"cached\"]\n";
  CHECK(broken(touch, enrolling(attested({5, 7, 0}, TouchPolicy::Cached))).empty());
  CHECK(broken(touch, enrolling(attested({5, 7, 0}, TouchPolicy::Never))) ==
        std::vector<std::string>{"touch-policies"});
  const std::string both = touch + "pin-policies = \"always\"\n";
  CHECK(broken(both, enrolling(attested({5, 7, 0}, TouchPolicy::Never, PinPolicy::Once))) ==
        std::vector<std::string>{"touch-policies", "pin-policies"});
}

TEST_CASE("they hold for every action with a key, and cannot be asked of others") {
  for (const Action action : kActions) {
    CAPTURE(to_string(action));
    const std::string limit = "attestation = \"required\"\n";
    if (facts_of(action).key == Presence::Absent) continue;
    PolicyRequest asked = request(action);
    CHECK_FALSE(with(limit, asked).allowed);
    asked.key->attestation = attested();
    CHECK(with(limit, asked).allowed);
  }
}

TEST_CASE("a key that is yet to be made is held against them when it is there") {
  PolicyRequest asked = request(Action::Generate);
  asked.key->to_be_made = true;
  CHECK(with("least-firmware = \"5.7\"\n", asked).allowed);
  asked.key->to_be_made = false;
  CHECK_FALSE(with("least-firmware = \"5.7\"\n", asked).allowed);
}

}  // namespace
}  // namespace signet::test
