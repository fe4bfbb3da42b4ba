#include "agent/approvals/approval_count.h"

#include <catch2/catch.hpp>

#include "tests/protocol/test_keys.h"

using namespace signet;
using namespace signet::test;

namespace {

const PublicKey& key(int number) {
  return test_key(KeyAlgorithm::Ed25519, number).public_key();
}

// ada: uids 1000 and 2000, a key; bob: a uid; carol: two keys, no uid; dave: nobody asks him.
Policy policy() {
  Policy out;
  out.principals = {{"ada", {1000, 2000}, {key(0)}},
                    {"bob", {1001}, {}},
                    {"carol", {}, {key(1), key(2)}},
                    {"dave", {1003}, {}}};
  return out;
}
PolicyNeeds needs(std::int64_t count) {
  PolicyNeeds out;
  out.approvals = count;
  out.approvers = {"ada", "bob", "carol"};
  return out;
}
Approval by_uid(uid_t uid) {
  Approval out;
  out.evidence = std::to_string(uid);
  return out;
}
Approval by_key(const PublicKey& from) {
  Approval out;
  out.how = Approval::How::Signature;
  out.evidence = from.fingerprint();
  return out;
}
using Names = std::vector<std::string>;
constexpr uid_t kStranger = 5000;

}  // namespace

TEST_CASE("each person counts once, by however many uids and keys") {
  const auto count =
      count_approvals(policy(), needs(3), kStranger,
                      {by_uid(1000), by_uid(2000), by_key(key(0)), by_key(key(1)), by_key(key(2))});
  CHECK(count.counted == Names{"ada", "carol"});
  CHECK(count.open == Names{"bob"});
  CHECK(count.missing() == 1);
  CHECK(count_approvals(policy(), needs(3), kStranger, {by_uid(1000), by_uid(1001), by_key(key(2))})
            .missing() == 0);
  CHECK(count_approvals(policy(), needs(1), kStranger, {by_uid(1000), by_uid(1001)}).missing() == 0);
}

TEST_CASE("the requester is excluded as a person: by none of their uids, by none of their keys") {
  for (const uid_t requester : {1000U, 2000U}) {
    const auto count =
        count_approvals(policy(), needs(2), requester, {by_uid(1000), by_uid(2000), by_key(key(0))});
    CHECK(count.counted.empty());
    CHECK(count.open == Names{"bob", "carol"});
  }
  PolicyNeeds allowed = needs(2);
  allowed.requester_may_approve = true;
  CHECK(count_approvals(policy(), allowed, 1000, {by_uid(2000)}).counted == Names{"ada"});
}

TEST_CASE("nobody counts whom the rule does not list, or the policy does not know") {
  const auto count = count_approvals(policy(), needs(1), kStranger,
                                     {by_uid(1003), by_uid(kStranger), by_key(key(7)), by_uid(0)});
  CHECK(count.counted.empty());
  CHECK(count.missing() == 1);
  Policy without = policy();
  without.principals[1].uids.clear();  // bob's uid is taken from him after he approved
  CHECK(count_approvals(policy(), needs(1), kStranger, {by_uid(1001)}).missing() == 0);
  CHECK(count_approvals(without, needs(1), kStranger, {by_uid(1001)}).missing() == 1);
  PolicyNeeds fewer = needs(1);
  fewer.approvers = {"carol"};
  CHECK(count_approvals(policy(), fewer, kStranger, {by_uid(1001)}).missing() == 1);
}

TEST_CASE("a key's fingerprint is no uid, and a uid no fingerprint") {
  Approval odd = by_uid(1001);
  odd.how = Approval::How::Signature;
  CHECK(principal_of(policy(), odd) == nullptr);
  odd = by_key(key(0));
  odd.how = Approval::How::Uid;
  CHECK(principal_of(policy(), odd) == nullptr);
  for (const char* evidence : {"", "1001x", " 1001", "-1", "99999999999999999999", "+1001"}) {
    Approval bad;
    bad.evidence = evidence;
    CHECK(principal_of(policy(), bad) == nullptr);
  }
}

TEST_CASE("who may approve is who would count for one of the rules") {
  const Policy all = policy();
  const auto may = [&](std::size_t person, uid_t requester) {
    PolicyNeeds other = needs(1);
    other.approvers = {"dave"};
    return may_approve(all.principals[person], all, {needs(1), other}, requester);
  };
  CHECK(may(0, kStranger));
  CHECK_FALSE(may(0, 2000));
  CHECK(may(3, kStranger));
  CHECK_FALSE(may(3, 1003));
  CHECK_FALSE(may_approve(all.principals[3], all, {needs(1)}, kStranger));
}
