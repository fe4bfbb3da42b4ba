#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::int64_t kDay = 86'400;

// A ledger whose clock the test sets, with keys k1 to k3 and the repository "a".
struct Requests {
  std::shared_ptr<std::int64_t> now = std::make_shared<std::int64_t>(kNow);
  LedgerBench bench{options()};

  Requests() { bench.populate(); }
  LedgerOptions options() {
    LedgerOptions out;
    out.clock = [now = now] { return std::chrono::system_clock::from_time_t(*now); };
    return out;
  }
  ApprovalTable& table() { return bench.store().approvals(); }
  Result<ApprovalRequest> open(const NewApprovalRequest& request, const Requester& who = someone()) {
    return bench.call([&] { return table().open(request, who); });
  }
  Result<ApprovalRequest> approve(const std::string& id, const std::string& principal,
                                  const std::string& evidence) {
    Approval approval;
    approval.principal = principal;
    approval.evidence = evidence;
    return bench.call([&] { return table().approve(id, approval, someone()); });
  }
  Result<ApprovalRequest> deny(const std::string& id, const std::string& why = "no") {
    return bench.call([&] { return table().deny(id, "bob", why, someone()); });
  }
  std::int64_t expire() {
    return bench.call([&] { return table().expire(); }).value();
  }
  Result<ApprovalRequest> find(const std::string& id, bool with_payload = false) {
    return bench.call([&] { return table().find(id, with_payload); });
  }
};

NewApprovalRequest make_new(std::int64_t version, const std::string& payload = "{}",
                            std::int64_t expires = kNow + kDay) {
  NewApprovalRequest request;
  request.repository = "a";
  request.role = "targets";
  request.version = version;
  request.payload = payload;
  request.digest = digest_of(payload);
  request.keys = {fingerprint_of("k1"), fingerprint_of("k2")};
  request.expires = expires;
  request.subject = digest_of("subject " + std::to_string(version) + payload);
  request.document = boost::json::serialize(
      boost::json::object{{"version", version}, {"digest", request.digest}, {"expiry", expires}});
  request.id = digest_of(request.document);
  request.summary = "targets 1 → 2";
  request.difference = "{}";
  request.terms = "[]";
  return request;
}

// What the version rules are asked for the request made by make_new().
ReserveRequest reserve_for(const NewApprovalRequest& request, const std::vector<std::string>& keys = {"k1"}) {
  ReserveRequest reserve = make_request("a", "targets", request.version, request.payload, keys);
  reserve.approval_request = request.id;
  return reserve;
}

std::string state_of(const Result<ApprovalRequest>& request) {
  return request ? std::string(to_string(request->state)) : std::string(short_name(request.error().name));
}
template <typename T>
std::string limit_of(const Result<T>& result) {
  return result ? "accepted" : string_parameter(result.error(), "limit");
}

}  // namespace

TEST_CASE("asking twice is one request, and one record") {
  Requests ledger;
  const NewApprovalRequest request = make_new(2);
  const auto first = ledger.open(request);
  CHECK(state_of(first) == "pending");
  CHECK(first->request.payload.empty());
  CHECK(first->request.keys == request.keys);
  const auto statement = ledger.bench.last_statement();
  CHECK(text_of(statement.at("kind")) == "approval.request");
  CHECK(text_of(statement.at("body").at("request")) == request.id);
  CHECK(statement.at("body").at("document").at("version").as_int64() == 2);
  const std::size_t records = ledger.bench.records().size();

  NewApprovalRequest later = make_new(2, "{}", kNow + 2 * kDay);  // another document, the same subject
  REQUIRE(later.id != request.id);
  CHECK(ledger.open(later)->request.id == request.id);
  CHECK(ledger.bench.records().size() == records);
  CHECK(ledger.find(later.id).error().name == ErrorName::NotFound);
  CHECK(ledger.find(request.id, true)->request.payload == "{}");
}

TEST_CASE("a request must be what its id and digest say") {
  Requests ledger;
  NewApprovalRequest request = make_new(2);
  request.document += " ";
  CHECK(ledger.open(request).error().name == ErrorName::InvalidParameter);
  request = make_new(2);
  request.payload = "{\"x\":1}";
  CHECK(ledger.open(request).error().name == ErrorName::InvalidParameter);
  CHECK(ledger.open(make_new(2, "{}", kNow)).error().name == ErrorName::InvalidParameter);
  CHECK(state_of(ledger.open(make_new(2, "{}", kNow + 1))) == "pending");
}

TEST_CASE("an approval is kept once, with its evidence, and survives a restart") {
  Requests ledger;
  const std::string id = ledger.open(make_new(2))->request.id;
  REQUIRE(ledger.approve(id, "bob", "1001"));
  const auto statement = ledger.bench.last_statement();
  CHECK(text_of(statement.at("kind")) == "approval.approve");
  CHECK(text_of(statement.at("body").at("principal")) == "bob");
  CHECK(text_of(statement.at("body").at("evidence")) == "1001");
  const std::size_t records = ledger.bench.records().size();
  CHECK(ledger.approve(id, "bob", "1001")->approvals.size() == 1);
  CHECK(ledger.bench.records().size() == records);
  CHECK(ledger.approve(id, "carol", "1002")->approvals.size() == 2);
  ledger.bench.reopen();
  const auto found = ledger.find(id);
  CHECK(state_of(found) == "pending");
  REQUIRE(found->approvals.size() == 2);
  CHECK(found->approvals[0].evidence == "1001");
  CHECK(found->approvals[1].principal == "carol");
}

TEST_CASE("a denied request takes no approval and gets no signature") {
  Requests ledger;
  const NewApprovalRequest request = make_new(2);
  ledger.open(request).value();
  REQUIRE(ledger.approve(request.id, "carol", "1002"));
  REQUIRE(ledger.bench.check(reserve_for(request)));
  CHECK(state_of(ledger.deny(request.id, "not today")) == "denied");
  const auto statement = ledger.bench.last_statement();
  CHECK(text_of(statement.at("kind")) == "approval.deny");
  CHECK(statement.at("body").as_object().contains("why") == false);  // private
  CHECK(ledger.approve(request.id, "dave", "1003").error().name == ErrorName::RequestClosed);
  CHECK(ledger.deny(request.id).error().name == ErrorName::RequestClosed);
  CHECK(string_parameter(ledger.bench.reserve(reserve_for(request)).error(), "state") == "denied");
  CHECK(ledger.bench.check(reserve_for(request)).error().message.find("not today") != std::string::npos);
  CHECK(ledger.find(request.id, true)->request.payload.empty());
  // Asking again is answered with the denial, also after a restart, until it has expired.
  ledger.bench.reopen();
  CHECK(state_of(ledger.open(make_new(2, "{}", kNow + 5 * kDay))) == "denied");
  *ledger.now = kNow + kDay;
  CHECK(state_of(ledger.open(make_new(2, "{}", kNow + 5 * kDay))) == "pending");
  CHECK(ledger.bench.reserve(reserve_for(request)).error().name == ErrorName::RequestClosed);
}

TEST_CASE("a denial while a token is asked withholds the signature") {
  Requests ledger;
  const NewApprovalRequest request = make_new(2);
  ledger.open(request).value();
  const auto reservation = ledger.bench.reserve(reserve_for(request));
  REQUIRE(reservation);
  REQUIRE(ledger.deny(request.id));
  CHECK(ledger.bench.finish(reservation->id, {signed_by("k1")}).error().name == ErrorName::RequestClosed);
  CHECK(text_of(ledger.bench.last_statement().at("body").at("result")) == "withheld");
}

TEST_CASE("a signature marks its request, which may be used again for the same bytes until it expires") {
  Requests ledger;
  const NewApprovalRequest request = make_new(2);
  ledger.open(request).value();
  REQUIRE(ledger.bench.sign(reserve_for(request)));
  CHECK(state_of(ledger.find(request.id)) == "signed");
  CHECK(state_of(ledger.open(request)) == "signed");
  CHECK(ledger.bench.sign(reserve_for(request, {"k1", "k2"})));
  *ledger.now = kNow + kDay;
  CHECK(string_parameter(ledger.bench.reserve(reserve_for(request)).error(), "request") == request.id);
}

TEST_CASE("the intent names its request") {
  Requests ledger;
  const NewApprovalRequest request = make_new(2);
  ledger.open(request).value();
  REQUIRE(ledger.bench.reserve(reserve_for(request)));
  CHECK(text_of(ledger.bench.last_statement().at("body").at("request")) == request.id);
}

TEST_CASE("approvals for one signature are good for no other") {
  Requests ledger;
  const NewApprovalRequest request = make_new(2);
  ledger.open(request).value();
  const auto verdict = [&](const ReserveRequest& reserve) {
    const auto result = ledger.bench.check(reserve);
    return result ? "accepted" : std::string(short_name(result.error().name));
  };
  CHECK(verdict(reserve_for(request)) == "accepted");
  CHECK(verdict(reserve_for(request, {"k1", "k3"})) == "PolicyDenied");
  ReserveRequest other = reserve_for(make_new(3));
  other.approval_request = request.id;
  CHECK(verdict(other) == "PolicyDenied");
  other = reserve_for(make_new(2, "{\"x\":1}"));
  other.approval_request = request.id;
  CHECK(verdict(other) == "PolicyDenied");
  other = reserve_for(request);
  other.supersede = true;
  CHECK(verdict(other) == "PolicyDenied");
  other = reserve_for(request);
  other.role = "snapshot";
  CHECK(verdict(other) == "PolicyDenied");
  other.approval_request = std::string(64, '0');
  CHECK(verdict(other) == "NotFound");
}

TEST_CASE("a request expires at its second, leaves a record, and is forgotten a week later") {
  Requests ledger;
  const NewApprovalRequest request = make_new(2);
  ledger.open(request).value();
  *ledger.now = kNow + kDay - 1;
  CHECK(ledger.expire() == 0);
  CHECK(ledger.approve(request.id, "bob", "1001"));
  *ledger.now = kNow + kDay;
  CHECK(state_of(ledger.find(request.id)) == "expired");  // before anybody wrote it down
  CHECK(ledger.approve(request.id, "carol", "1002").error().name == ErrorName::RequestClosed);
  CHECK(ledger.bench.check(reserve_for(request)).error().name == ErrorName::RequestClosed);
  CHECK(ledger.expire() == 1);
  CHECK(text_of(ledger.bench.last_statement().at("kind")) == "approval.expire");
  CHECK(ledger.expire() == 0);
  CHECK(ledger.find(request.id, true)->request.payload.empty());
  CHECK(ledger.bench.call([&] { return ledger.table().all(true); })->empty());
  CHECK(ledger.bench.call([&] { return ledger.table().all(false); })->size() == 1);
  *ledger.now = kNow + kDay + kForgetRequestsAfter - 1;
  CHECK(ledger.expire() == 0);
  CHECK(ledger.find(request.id));
  *ledger.now = kNow + kDay + kForgetRequestsAfter;
  CHECK(ledger.expire() == 0);
  CHECK(ledger.find(request.id).error().name == ErrorName::NotFound);
  // A clock that goes back revives nothing.
  *ledger.now = kNow;
  CHECK(ledger.approve(request.id, "bob", "1001").error().name == ErrorName::NotFound);
}

TEST_CASE("a clock that goes back revives no request that has expired") {
  Requests ledger;
  const NewApprovalRequest request = make_new(2);
  ledger.open(request).value();
  *ledger.now = kNow + kDay;
  CHECK(ledger.expire() == 1);
  *ledger.now = kNow;
  CHECK(state_of(ledger.find(request.id)) == "expired");
  CHECK(ledger.approve(request.id, "bob", "1001").error().name == ErrorName::RequestClosed);
  CHECK(ledger.bench.check(reserve_for(request)).error().name == ErrorName::RequestClosed);
}

TEST_CASE("every limit of requests holds at its edge") {
  Requests ledger;
  Requester other = someone();
  other.uid = 2000;
  SECTION("pending requests of one uid") {
    for (std::int64_t i = 0; i < kMaxPendingRequestsPerUid; ++i) REQUIRE(ledger.open(make_new(2 + i)));
    CHECK(limit_of(ledger.open(make_new(100))) == "pending-requests-per-uid");
    CHECK(ledger.open(make_new(2)));  // one that is there is no new one
    CHECK(ledger.open(make_new(100), other));
    REQUIRE(ledger.deny(make_new(3).id));
    CHECK(ledger.open(make_new(101)));
  }
  SECTION("live requests in all") {
    for (std::int64_t i = 0; i < kMaxLiveRequests; ++i) {
      other.uid = static_cast<uid_t>(2000 + i / kMaxPendingRequestsPerUid);
      REQUIRE(ledger.open(make_new(2 + i), other));
    }
    CHECK(limit_of(ledger.open(make_new(5000))) == "live-requests");
    *ledger.now = kNow + kDay;
    CHECK(ledger.open(make_new(5000, "{}", kNow + 2 * kDay)));
  }
  SECTION("payloads in all") {
    const std::string half(kMaxRequestPayloads / 2, 'x');
    REQUIRE(ledger.open(make_new(2, half)));
    CHECK(limit_of(ledger.open(make_new(3, half + "y"))) == "request-payloads");
    REQUIRE(ledger.open(make_new(3, half)));
    CHECK(limit_of(ledger.open(make_new(4, "z"))) == "request-payloads");
    REQUIRE(ledger.deny(make_new(3, half).id));
    CHECK(ledger.open(make_new(4, half)));
  }
  SECTION("summary, difference") {
    NewApprovalRequest request = make_new(2);
    request.summary = std::string(kMaxRequestSummary + 1, 's');
    CHECK(limit_of(ledger.open(request)) == "request-summary");
    request.summary.pop_back();
    request.difference = std::string(kMaxRequestDifference + 1, ' ');
    CHECK(limit_of(ledger.open(request)) == "request-difference");
    request.difference.pop_back();
    CHECK(ledger.open(request));
  }
  SECTION("approvals of one request, their files, a denial's reason") {
    const std::string id = ledger.open(make_new(2))->request.id;
    Approval large;
    large.how = Approval::How::Signature;
    large.evidence = fingerprint_of("k1");
    large.file = std::string(kMaxApprovalFile + 1, 'f');
    const auto approve = [&] {
      return ledger.bench.call([&] { return ledger.table().approve(id, large, someone()); });
    };
    CHECK(limit_of(approve()) == "approval-file");
    large.file.pop_back();
    CHECK(approve());
    for (std::int64_t i = 1; i < kMaxApprovalsPerRequest; ++i)
      REQUIRE(ledger.approve(id, "p", std::to_string(3000 + i)));
    CHECK(limit_of(ledger.approve(id, "p", "4000")) == "approvals-per-request");
    CHECK(limit_of(ledger.deny(id, std::string(kMaxDenialReason + 1, 'w'))) == "denial-reason");
    CHECK(ledger.deny(id, std::string(kMaxDenialReason, 'w')));
  }
}

}  // namespace signet::test
