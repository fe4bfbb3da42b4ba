// Requests for approval through the methods: who may approve, by what, and what an approval is not good for.
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "agent/approvals/approval_file.h"
#include "agent/service/approval_desk.h"
#include "agent/service/methods.h"
#include "protocol/canonical_json.h"
#include "tests/agent/service/software_tokens.h"
#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

namespace signet::test {
namespace {

namespace json = boost::json;
using Reply = Result<json::object>;

constexpr uid_t kAda = 1000, kBob = 1001, kCarol = 1002, kStranger = 1999;

class NoEvents : public EventSink {
 public:
  bool wanted() const override { return false; }
  boost::asio::awaitable<void> send(json::object) override { co_return; }
  bool over() const override { return false; }
};

// The methods over a real ledger, with callers of any uid. ada asks; bob, carol and ada are principals.
class Desk {
 public:
  Desk() : state(io.get_executor(), tokens) {
    spdlog::set_level(spdlog::level::off);
    state.ledger = Ledger::create(scratch.path()).value();
    add_request_methods(state, methods);
    add_approval_methods(state, methods);
    add_key_methods(state, methods);
    add_message_methods(state, methods);
    policy.principals = {{"ada", {kAda}, {}}, {"bob", {kBob}, {}}, {"carol", {kCarol}, {}}};
    verdict.allowed = true;
    verdict.rule = "roots-need-two";
    verdict.needs.approvals = 2;
    verdict.needs.approvers = {"ada", "bob", "carol"};
    use(policy);
  }

  // The principals, and one rule that lets everybody do this.
  void use(const Policy& changed, std::vector<Action> actions = {kActions.begin(), kActions.end()}) {
    auto loaded = std::make_shared<LoadedPolicy>();
    loaded->policy = changed;
    PolicyRule everything;  // who may call the methods at all is authorisation_test's
    everything.name = "everything";
    everything.who.anyone = true;
    everything.what.actions = std::move(actions);
    loaded->policy.rules.push_back(std::move(everything));
    state.policy = std::move(loaded);
  }
  template <typename T>
  T run(boost::asio::awaitable<T> work) {
    std::optional<T> result;
    boost::asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& bug, T value) {
      if (bug) std::rethrow_exception(bug);
      result = std::move(value);
    });
    io.restart();
    while (!result) io.run_one();
    return std::move(*result);
  }
  Reply call(const std::string& method, uid_t uid, json::object parameters) {
    Peer peer;
    peer.uid = uid;
    Call what{method, parameters, peer, events};
    return run(methods.at(method).handler(what));
  }
  std::string outcome(const std::string& method, uid_t uid, json::object parameters) {
    const Reply reply = call(method, uid, std::move(parameters));
    if (reply) return "ok";
    const Error error = reply.error();
    std::string text(short_name(error.name));
    for (const char* detail : {"why", "state", "rule"})
      if (const auto* value = error.parameters.if_contains(detail))
        text += " " + std::string(value->as_string());
    return text;
  }

  ApprovalAsk ask(std::int64_t version = 14) const {
    json::object content;
    content["_type"] = "timestamp";
    content["version"] = version;
    content["spec_version"] = "1.0.31";
    content["expires"] = "2036-01-01T00:00:00Z";
    json::object snapshot;
    snapshot["version"] = 1;
    json::object meta;
    meta["snapshot.json"] = std::move(snapshot);
    content["meta"] = std::move(meta);
    ApprovalAsk out;
    out.payload = canonical_json(content).value();
    out.document.repository = "example.com/app";
    out.document.role = "timestamp";
    out.document.version = version;
    out.document.digest = sha256_hex(as_bytes(out.payload));
    out.document.keys = {std::string(64, 'a')};
    out.verdicts = {verdict};
    out.summary = "timestamp 13 → 14";
    return out;
  }
  Result<ApprovalStanding> stand(uid_t uid = kAda, std::int64_t version = 14) {
    Requester who;
    who.uid = uid;
    return run(stand_for_approval(*state.ledger, state.policy, ask(version), who));
  }
  std::string id(std::int64_t version = 14) { return stand(kAda, version)->request.request.id; }
  json::object shown(const std::string& request) {
    return call("ShowRequest", kStranger, {{"request", request}}).value();
  }
  std::string state_of(const std::string& request) {
    return std::string(shown(request).at("request").at("state").as_string());
  }
  // An approval by a key of this agent that stands for another machine's.
  std::string sign(const std::string& key, const std::string& request) {
    const json::object whole = shown(request);
    const auto reply =
        call("SignApproval", kCarol,
             {{"key", key}, {"document", whole.at("document")}, {"payload", whole.at("payload")}});
    return std::string(reply.value().at("approval").as_string());
  }
  void make_key(const std::string& name, const std::string& use) {
    json::object parameters{
        {"token", "software"}, {"name", name}, {"algorithm", "ecdsa-p256"}, {"pin", nullptr}};
    parameters["uses"] = json::array{use};
    REQUIRE(call("GenerateKey", kAda, std::move(parameters)));
  }
  PublicKey key(const std::string& name) const {
    return PublicKey::from_spki(state.keys.find(name)->spki).value();
  }

  boost::asio::io_context io{1};
  ScratchDir scratch;
  SoftwareTokens tokens;
  ServiceState state;
  MethodTable methods;
  NoEvents events;
  Policy policy;
  Verdict verdict;
};

}  // namespace

TEST_CASE("two persons approve, and then it is approved") {
  Desk desk;
  const std::string id = desk.id();
  CHECK(desk.stand()->missing() == 2);
  CHECK_FALSE(desk.stand()->approved());
  CHECK(desk.outcome("ApproveRequest", kBob, {{"request", id}}) == "ok");
  CHECK(desk.outcome("ApproveRequest", kBob, {{"request", id}}) == "ok");  // said again it counts once
  CHECK(desk.stand()->missing() == 1);
  CHECK(desk.state_of(id) == "pending");
  CHECK(desk.outcome("ApproveRequest", kCarol, {{"request", id.substr(0, 8)}}) == "ok");
  CHECK(desk.stand()->approved());
  CHECK(desk.stand()->request.request.id == id);
  CHECK(desk.state_of(id) == "approved");
  const auto list = desk.call("ListRequests", kStranger, {}).value();
  REQUIRE(list.at("requests").as_array().size() == 1);
  CHECK(list.at("requests").at(0).at("rules").at(0).at("missing").as_int64() == 0);
  CHECK(list.at("requests").at(0).at("summary").as_string() == "timestamp 13 → 14");
}

TEST_CASE("who asks does not approve, nor does a stranger") {
  Desk desk;
  const std::string id = desk.id();
  CHECK(desk.outcome("ApproveRequest", kAda, {{"request", id}}) == "ApprovalRefused requester");
  CHECK(desk.outcome("ApproveRequest", kStranger, {{"request", id}}) == "ApprovalRefused not-an-approver");
  CHECK(desk.outcome("DenyRequest", kStranger, {{"request", id}}) == "ApprovalRefused not-an-approver");
  CHECK(desk.outcome("ApproveRequest", 0, {{"request", id}}) == "ApprovalRefused not-an-approver");
  CHECK(desk.stand()->missing() == 2);
  // The same person by another uid.
  desk.policy.principals[0].uids.push_back(kStranger);
  desk.use(desk.policy);
  CHECK(desk.outcome("ApproveRequest", kStranger, {{"request", id}}) == "ApprovalRefused requester");
  CHECK(desk.outcome("ApproveRequest", kBob, {{"request", "3f2a"}}) == "NotFound");
  CHECK(desk.outcome("ApproveRequest", kBob, {{"request", std::string(64, '0')}}) == "NotFound");
}

TEST_CASE("a request is there for who asks, who approves and who reads the ledger, and for nobody else") {
  Desk desk;
  const std::string id = desk.id(), prefix = id.substr(0, 12);
  const std::string nowhere(64, '0');
  desk.use(desk.policy, {Action::Approve});
  const auto listed = [&](uid_t uid) {
    return desk.call("ListRequests", uid, {{"all", true}}).value().at("requests").as_array().size();
  };
  for (const uid_t uid : {kAda, kBob, kCarol}) {
    CHECK(listed(uid) == 1);
    CHECK(desk.outcome("ShowRequest", uid, {{"request", prefix}}) == "ok");
  }
  CHECK(listed(kStranger) == 0);
  for (const char* method : {"ShowRequest", "ApproveRequest", "DenyRequest"}) {
    INFO(method);
    const auto message = [&](const std::string& request) {
      const Error error = desk.call(method, kStranger, {{"request", request}}).error();
      CHECK(error.name == ErrorName::NotFound);
      return error.message;
    };
    // Not to be told from an id that nobody has.
    std::string unknown = message(nowhere);
    unknown.replace(unknown.find(nowhere), nowhere.size(), id);
    CHECK(message(id) == unknown);
    CHECK(message(prefix) == message(nowhere.substr(0, 12)));
  }
  // Another uid of who asked.
  desk.policy.principals[0].uids.push_back(kStranger);
  desk.use(desk.policy, {Action::Approve});
  CHECK(listed(kStranger) == 1);
  desk.policy.principals[0].uids.pop_back();
  for (const Action action : {Action::ReadLedger, Action::Administer}) {
    desk.use(desk.policy, {action});
    CHECK(listed(kStranger) == 1);
    CHECK(desk.outcome("ShowRequest", kStranger, {{"request", id}}) == "ok");
    CHECK(desk.outcome("ApproveRequest", kStranger, {{"request", id}}) == "PolicyDenied no-rule-matched");
    CHECK(desk.outcome("DenyRequest", kStranger, {{"request", id}}) == "ApprovalRefused not-an-approver");
  }
}

TEST_CASE("the policy is asked about a denial, unless who asked takes it back") {
  Desk desk;
  const std::string id = desk.id(), other = desk.id(15);
  desk.use(desk.policy, {Action::ReadLedger});
  CHECK(desk.outcome("DenyRequest", kBob, {{"request", id}}) == "PolicyDenied no-rule-matched");
  CHECK(desk.state_of(id) == "pending");
  CHECK(desk.outcome("DenyRequest", kAda, {{"request", id}}) == "ok");
  desk.use(desk.policy, {Action::ReadLedger, Action::Approve});
  CHECK(desk.outcome("DenyRequest", kBob, {{"request", other}}) == "ok");
}

TEST_CASE("an approval is handed in by whom the policy lets approve, who sees nothing else") {
  Desk desk;
  desk.make_key("carol-approvals", "approval");
  desk.policy.principals[2].keys = {desk.key("carol-approvals")};
  desk.use(desk.policy);
  const std::string id = desk.id();
  json::object hand_in{{"request", id}, {"approval", desk.sign("carol-approvals", id)}};
  desk.use(desk.policy, {Action::SignMessage});
  CHECK(desk.outcome("ApproveRequest", kStranger, hand_in) == "NotFound");
  desk.use(desk.policy, {Action::Approve});
  CHECK(desk.outcome("ShowRequest", kStranger, {{"request", id}}) == "NotFound");
  CHECK(desk.outcome("ApproveRequest", kStranger, hand_in) == "ok");
  CHECK(desk.stand()->missing() == 1);
}

TEST_CASE("an approval stops counting when the policy takes the person away") {
  Desk desk;
  const std::string id = desk.id();
  REQUIRE(desk.call("ApproveRequest", kBob, {{"request", id}}));
  REQUIRE(desk.call("ApproveRequest", kCarol, {{"request", id}}));
  CHECK(desk.stand()->approved());
  desk.policy.principals.pop_back();
  desk.use(desk.policy);
  CHECK_FALSE(desk.stand()->approved());
  CHECK(desk.state_of(id) == "pending");
}

TEST_CASE("a denial ends it, for every way of asking") {
  Desk desk;
  const std::string id = desk.id();
  REQUIRE(desk.call("ApproveRequest", kBob, {{"request", id}}));
  CHECK(desk.outcome("DenyRequest", kCarol, {{"request", id}, {"why", "not\ntoday"}}) == "ok");
  CHECK(desk.state_of(id) == "denied");
  CHECK(desk.shown(id).at("request").at("why").as_string() == R"(not\u{a}today)");
  CHECK(desk.shown(id).at("payload").is_null());
  CHECK(desk.outcome("ApproveRequest", kBob, {{"request", id}}) == "RequestClosed denied");
  CHECK(desk.stand().error().name == ErrorName::RequestClosed);
  const std::string taken_back = desk.id(15);
  CHECK(desk.outcome("DenyRequest", kAda, {{"request", taken_back}}) == "ok");
}

TEST_CASE("an approval from another machine counts as its person's, once, whoever hands it in") {
  Desk desk;
  desk.make_key("carol-approvals", "approval");
  const std::string id = desk.id(), other = desk.id(15);
  const std::string file = desk.sign("carol-approvals", id);
  CHECK(desk.outcome("ApproveRequest", kAda, {{"request", id}, {"approval", file}}) ==
        "ApprovalRefused not-an-approver");  // the policy does not know the key
  desk.policy.principals[2].keys = {desk.key("carol-approvals")};
  desk.use(desk.policy);
  CHECK(desk.outcome("ApproveRequest", kAda, {{"request", id}, {"approval", file}}) == "ok");
  CHECK(desk.outcome("ApproveRequest", kAda, {{"request", id}, {"approval", file}}) == "ok");
  CHECK(desk.outcome("ApproveRequest", kCarol, {{"request", id}}) == "ok");
  CHECK(desk.stand()->missing() == 1);
  CHECK(desk.outcome("ApproveRequest", kAda, {{"request", other}, {"approval", file}}) ==
        "ApprovalRefused wrong-request");
  REQUIRE(desk.call("ApproveRequest", kBob, {{"request", id}}));
  CHECK(desk.stand()->approved());
}

TEST_CASE("an approval that is foreign, altered or not one is refused") {
  Desk desk;
  desk.make_key("carol-approvals", "approval");
  desk.policy.principals[2].keys = {desk.key("carol-approvals")};
  desk.use(desk.policy);
  const std::string id = desk.id();
  const auto hand_in = [&](const std::string& file) {
    return desk.outcome("ApproveRequest", kAda, {{"request", id}, {"approval", file}});
  };
  RequestDocument foreign =
      parse_request_document(std::string(desk.shown(id).at("document").as_string())).value();
  foreign.ledger = std::string(64, '0');
  const auto signed_foreign = desk.call(
      "SignApproval", kCarol, {{"key", "carol-approvals"}, {"document", request_document(foreign)}});
  CHECK(hand_in(std::string(signed_foreign.value().at("approval").as_string())) ==
        "ApprovalRefused foreign-ledger");
  std::string altered = desk.sign("carol-approvals", id);
  altered.replace(altered.find("example.com"), 11, "example.org");
  CHECK(hand_in(altered) == "ApprovalRefused wrong-signature");
  CHECK(hand_in("{}") == "ApprovalRefused format");
  CHECK(desk.stand()->missing() == 2);
}

TEST_CASE("a key for approvals signs approvals alone, and no other key does") {
  Desk desk;
  desk.make_key("approvals", "approval");
  desk.make_key("metadata", "tuf");
  const std::string id = desk.id();
  const json::object whole = desk.shown(id);
  json::object call{{"key", "metadata"}, {"document", whole.at("document")}};
  CHECK(desk.outcome("SignApproval", kCarol, call) == "KeyRefused use-excluded");
  json::object message{{"key", "approvals"}, {"message", to_base64(as_bytes("signet-approval-v1\n{}"))}};
  CHECK(desk.call("SignMessage", kCarol, message).error().name == ErrorName::KeyRefused);
  json::object generate{{"token", "software"}, {"name", "both"}, {"algorithm", "ed25519"}, {"pin", nullptr}};
  generate["uses"] = json::array{"approval", "message"};
  CHECK(desk.outcome("GenerateKey", kAda, generate) == "PolicyDenied approval-excludes-message");
  call["key"] = "approvals";
  call["payload"] = whole.at("payload");
  CHECK(desk.outcome("SignApproval", kCarol, call) == "ok");
  call["payload"] = "{}";
  CHECK(desk.outcome("SignApproval", kCarol, call) == "ApprovalRefused document");
  call["payload"] = nullptr;
  call["document"] = "{}";
  CHECK(desk.outcome("SignApproval", kCarol, call) == "ApprovalRefused document");
  RequestDocument old = parse_request_document(std::string(whole.at("document").as_string())).value();
  old.expiry = 1;
  call["document"] = request_document(old);
  CHECK(desk.outcome("SignApproval", kCarol, call) == "RequestClosed expired");
}

TEST_CASE("a waiting call wakes at an approval, and misses none") {
  Desk desk;
  const auto standing = desk.stand();
  const std::uint64_t seen = desk.state.approval_watch.changes();
  bool woken = false;
  boost::asio::co_spawn(desk.io, await_approval(desk.state, *standing, seen),
                        [&](const std::exception_ptr&) { woken = true; });
  desk.io.restart();
  desk.io.poll();
  CHECK_FALSE(woken);
  REQUIRE(desk.call("ApproveRequest", kBob, {{"request", standing->request.request.id}}));
  desk.io.restart();
  desk.io.poll();
  CHECK(woken);
  woken = false;  // what changed before the wait began is not waited for
  boost::asio::co_spawn(desk.io, await_approval(desk.state, *standing, seen),
                        [&](const std::exception_ptr&) { woken = true; });
  desk.io.restart();
  desk.io.poll();
  CHECK(woken);
}

TEST_CASE("the event and the error name the request and what is missing") {
  Desk desk;
  const auto standing = desk.stand();
  const json::object event = approval_event(*standing);
  CHECK(event.at("kind").as_string() == "approval");
  CHECK(event.at("request").as_string() == standing->request.request.id);
  CHECK(event.at("summary").as_string() == "timestamp 13 → 14");
  const Error error = approval_required(*standing);
  CHECK(error.name == ErrorName::ApprovalRequired);
  CHECK(error.message.find("asks for 2 approvals; 0 are there. bob or carol can approve.") !=
        std::string::npos);
  desk.policy.principals.pop_back();
  desk.use(desk.policy);
  CHECK(approval_required(*desk.stand()).message.find("That is not enough people") != std::string::npos);
}

}  // namespace signet::test
