// The policy of a person's own agent that has no policy file, as the design has it.
#include <catch2/catch.hpp>

#include "policy_fixture.h"

using signet::Action;
using signet::Confirm;
using signet::PolicyRequest;
using signet::Verdict;
using signet::test::request;

namespace {

const signet::Policy& builtin() {
  static const signet::Policy policy = signet::test::policy(signet::builtin_policy());
  return policy;
}

}  // namespace

TEST_CASE("the built-in policy lets the agent's own user do everything, some of it confirmed") {
  struct Expected {
    Action action;
    bool confirmed;
  };
  const Expected the = GENERATE(values<Expected>({{Action::SignMetadata, false},
                                                  {Action::Supersede, true},
                                                  {Action::SignMessage, false},
                                                  {Action::IssueCertificate, true},
                                                  {Action::StoreCertificate, true},
                                                  {Action::Generate, true},
                                                  {Action::Enrol, true},
                                                  {Action::Retire, false},
                                                  {Action::Adopt, false},
                                                  {Action::Unlock, false},
                                                  {Action::Approve, false},
                                                  {Action::ReadLedger, false},
                                                  {Action::Administer, false}}));
  CAPTURE(to_string(the.action));
  const Verdict verdict = decide(builtin(), request(the.action));
  CHECK(verdict.allowed);
  CHECK((verdict.needs.confirm == Confirm::Person) == the.confirmed);
  CHECK(verdict.needs.approvals == 0);
}

TEST_CASE("the built-in policy has root and digests confirmed") {
  for (const char* role : {"targets", "snapshot", "timestamp", "releases/linux"})
    CHECK(decide(builtin(), request(Action::SignMetadata, role)).needs.confirm == Confirm::None);
  PolicyRequest root = request(Action::SignMetadata, "root");
  CHECK(decide(builtin(), root).needs.confirm == Confirm::Person);
  root.key->touch_required = true;
  CHECK(decide(builtin(), root).needs.confirm == Confirm::None);
  CHECK(decide(builtin(), root).confirmed_by_touch);
  PolicyRequest digest = request(Action::SignMessage);
  digest.key->uses = {"digest"};
  CHECK(decide(builtin(), digest).needs.confirm == Confirm::Person);
  PolicyRequest generate = request(Action::Generate);
  generate.key->touch_required = true;  // making a key asks for no touch
  CHECK(decide(builtin(), generate).needs.confirm == Confirm::Person);
}

TEST_CASE("the built-in policy lets nobody else do anything") {
  for (const Action action : signet::kActions) {
    PolicyRequest asked = request(action);
    for (const uid_t uid : {0U, 1001U, 65534U}) {
      asked.who.uid = uid;
      CHECK_FALSE(decide(builtin(), asked).allowed);
    }
  }
}
