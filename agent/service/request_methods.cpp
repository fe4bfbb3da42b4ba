// ListRequests, ShowRequest, ApproveRequest, DenyRequest: by whom, for what.
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <functional>

#include "agent/approvals/approval_file.h"
#include "agent/service/approval_desk.h"
#include "agent/service/authorisation.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/request_access.h"
#include "protocol/display_text.h"

namespace signet {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;
using Reply = Result<json::object>;

constexpr std::size_t kLeastPrefix = 8;

json::array to_array(const std::vector<std::string>& list) {
  return json::array(list.begin(), list.end());
}

json::value or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(json::string(text));
}

std::string_view state_name(const ApprovalStanding& standing) {
  if (standing.request.state == RequestState::Pending && standing.approved()) return "approved";
  return to_string(standing.request.state);
}

json::object rule_json(const RuleStanding& rule) {
  json::object out;
  out["rule"] = rule.rule;
  out["needed"] = rule.count.needed;
  out["missing"] = rule.count.missing();
  out["counted"] = to_array(rule.count.counted);
  out["open"] = to_array(rule.count.open);
  return out;
}

json::object approval_json(const Approval& approval) {
  json::object out;
  out["principal"] = approval.principal;
  out["how"] = to_string(approval.how);
  out["evidence"] = approval.evidence;
  out["time"] = approval.time;
  return out;
}

json::object request_json(const ApprovalStanding& standing) {
  const NewApprovalRequest& request = standing.request.request;
  json::object out;
  out["id"] = request.id;
  out["state"] = state_name(standing);
  out["repository"] = request.repository;
  out["role"] = request.role;
  out["version"] = request.version;
  out["digest"] = request.digest;
  out["keys"] = to_array(request.keys);
  out["supersede"] = request.supersede;
  out["uid"] = static_cast<std::int64_t>(standing.request.uid);
  out["created"] = standing.request.created;
  out["expires"] = time_text(std::chrono::sys_seconds(std::chrono::seconds(request.expires)));
  out["summary"] = request.summary;
  json::array rules, approvals;
  for (const RuleStanding& rule : standing.rules) rules.push_back(rule_json(rule));
  for (const Approval& approval : standing.request.approvals) approvals.push_back(approval_json(approval));
  out["rules"] = std::move(rules);
  out["approvals"] = std::move(approvals);
  out["deniedBy"] = or_null(standing.request.denied_by);
  out["why"] = or_null(standing.request.why);
  return out;
}

json::object reply_with(const Policy& policy, ApprovalRequest request) {
  json::object reply;
  reply["request"] = request_json(standing_of(policy, std::move(request)));
  return reply;
}

// Which requests there are, for who calls.
using Sight = std::function<bool(const ApprovalRequest&)>;

// A whole id, or a beginning that only one request has of those in sight.
awaitable<Result<std::string>> resolve_id(Ledger& ledger, const Sight& sight, std::string text) {
  if (text.size() == 64) co_return text;
  std::vector<std::string> found;
  if (text.size() >= kLeastPrefix) {
    const auto requests = co_await ledger.requests(false);
    if (!requests) co_return requests.error();
    for (const ApprovalRequest& request : *requests)
      if (request.request.id.starts_with(text) && sight(request)) found.push_back(request.request.id);
  }
  if (found.size() == 1) co_return found.front();
  json::object parameters;
  parameters["kind"] = "request";
  parameters["name"] = text;
  const std::string why = text.size() < kLeastPrefix
                              ? "Give at least " + std::to_string(kLeastPrefix) + " digits of a request's id"
                          : found.empty() ? "There is no request whose id begins so"
                                          : "More than one request's id begins so";
  co_return Error{ErrorName::NotFound, why + ". \"signet request list\" shows those that wait.",
                  std::move(parameters)};
}

struct RequestCall {
  Ledger* ledger = nullptr;
  LoadedPolicyPtr policy;
  ApprovalRequest request;
};

awaitable<Result<RequestCall>> find_request(ServiceState& state, const json::object& parameters, Sight sight,
                                            bool with_payload) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  auto name = text_parameter(parameters, "request");
  if (!name) co_return name.error();
  auto id = co_await resolve_id(**ledger, sight, std::move(*name));
  if (!id) co_return id.error();
  auto request = co_await (*ledger)->request(*id, with_payload);
  if (!request) co_return request.error();
  if (!sight(*request)) co_return unknown_request(*id);
  RequestCall call;
  call.ledger = *ledger;
  call.policy = state.policy;
  call.request = std::move(*request);
  co_return call;
}

Sight sight_of(const ServiceState& state, const Peer& peer) {
  return
      [&state, peer](const ApprovalRequest& request) { return may_see(state.policy->policy, peer, request); };
}

awaitable<Reply> list_requests(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto all = flag_parameter(call.parameters, "all");
  if (!all) co_return all.error();
  if (const auto tidied = co_await (*ledger)->expire_requests(); !tidied) co_return tidied.error();
  auto requests = co_await (*ledger)->requests(!*all);
  if (!requests) co_return requests.error();
  json::array list;
  const Sight sight = sight_of(state, call.peer);
  for (ApprovalRequest& request : *requests)
    if (sight(request)) list.push_back(request_json(standing_of(state.policy->policy, std::move(request))));
  json::object reply;
  reply["requests"] = std::move(list);
  co_return reply;
}

awaitable<Reply> show_request(ServiceState& state, Call call) {
  Sight sight = sight_of(state, call.peer);
  auto found = co_await find_request(state, call.parameters, std::move(sight), true);
  if (!found) co_return found.error();
  const NewApprovalRequest request = found->request.request;
  json::object reply = reply_with(found->policy->policy, std::move(found->request));
  reply["document"] = request.document;
  reply["payload"] = or_null(request.payload);
  reply["difference"] = json::parse(request.difference);
  co_return reply;
}

// ---- who approves ----

Result<Approval> approval_by_uid(const RequestCall& call, const Peer& peer) {
  const std::string uid = std::to_string(peer.uid);
  const Policy& policy = call.policy->policy;
  const auto person = approver(policy, call.request, principal_of_uid(policy, peer.uid), "Uid " + uid);
  if (!person) return person.error();
  Approval approval;
  approval.principal = (*person)->name;
  approval.evidence = uid;
  return approval;
}

Result<Approval> approval_by_file(const RequestCall& call, const std::string& text,
                                  const std::string& ledger) {
  const std::string& id = call.request.request.id;
  const auto file = parse_approval_file(text);
  if (!file) return file.error();
  if (file->request.ledger != ledger)
    return approval_refused(id, "foreign-ledger",
                            "This approval is for the agent whose ledger is " +
                                display_name(file->request.ledger, 16) + ", not for this one.");
  if (file->document != call.request.request.document)
    return approval_refused(id, "wrong-request",
                            "This approval is for the request " + request_id(file->request).substr(0, 16) +
                                ", not for this one: each request is approved by itself.");
  const std::string& fingerprint = file->key.fingerprint();
  const Policy& policy = call.policy->policy;
  const auto person = approver(policy, call.request, principal_of_key(policy, fingerprint),
                               "The key " + fingerprint.substr(0, 16));
  if (!person) return person.error();
  Approval approval;
  approval.principal = (*person)->name;
  approval.how = Approval::How::Signature;
  approval.evidence = fingerprint;
  approval.file = text;
  return approval;
}

// Whoever the policy lets approve may hand in somebody's approval, without a sight of the request before.
Sight sight_for_handing_in(const ServiceState& state, const Peer& peer) {
  return [&state, peer](const ApprovalRequest& request) {
    const Policy& policy = state.policy->policy;
    if (may_see(policy, peer, request)) return true;
    PolicyRequest handing_in = policy_request(peer, Action::Approve);
    handing_in.repository = request.request.repository;
    handing_in.role = request.request.role;
    return decide(policy, handing_in).allowed;
  };
}

awaitable<Reply> approve_request(ServiceState& state, Call call) {
  const auto file = optional_text(call.parameters, "approval");
  if (!file) co_return file.error();
  Sight sight = *file ? sight_for_handing_in(state, call.peer) : sight_of(state, call.peer);
  auto found = co_await find_request(state, call.parameters, std::move(sight), false);
  if (!found) co_return found.error();
  const NewApprovalRequest& asked = found->request.request;
  const auto allowed = co_await authorise_repository(state, call.peer, Action::Approve, asked.repository,
                                                     asked.role, "Approve " + asked.summary + "?");
  if (!allowed) co_return allowed.error();
  found->policy = state.policy;  // a person may have been asked
  const auto summary = co_await found->ledger->summary();
  if (!summary) co_return summary.error();
  auto approval = *file ? approval_by_file(*found, **file, summary->id) : approval_by_uid(*found, call.peer);
  if (!approval) co_return approval.error();
  std::string id = found->request.request.id;
  auto approved =
      co_await found->ledger->approve_request(std::move(id), std::move(*approval), requester(call.peer));
  if (!approved) co_return approved.error();
  state.approval_watch.changed();
  co_return reply_with(found->policy->policy, std::move(*approved));
}

awaitable<Reply> deny_request(ServiceState& state, Call call) {
  auto why = optional_text(call.parameters, "why");
  if (!why) co_return why.error();
  Sight sight = sight_of(state, call.peer);
  auto found = co_await find_request(state, call.parameters, std::move(sight), false);
  if (!found) co_return found.error();
  auto name = denier(found->policy->policy, found->request, call.peer.uid);
  if (!name) co_return name.error();
  if (!is_requester(found->policy->policy, call.peer.uid, found->request)) {
    const NewApprovalRequest& asked = found->request.request;
    const auto allowed = co_await authorise_repository(state, call.peer, Action::Approve, asked.repository,
                                                       asked.role, "Deny " + asked.summary + "?");
    if (!allowed) co_return allowed.error();
  }
  std::string id = found->request.request.id;
  std::string reason = display_text(why->value_or(""), kMaxDenialReason);
  auto denied = co_await found->ledger->deny_request(std::move(id), std::move(*name), std::move(reason),
                                                     requester(call.peer));
  if (!denied) co_return denied.error();
  state.approval_watch.changed();
  co_return reply_with(found->policy->policy, std::move(*denied));
}

}  // namespace

void add_request_methods(ServiceState& state, MethodTable& table) {
  table["ListRequests"].handler = [&state](Call call) { return list_requests(state, call); };
  table["ShowRequest"].handler = [&state](Call call) { return show_request(state, call); };
  table["ApproveRequest"].handler = [&state](Call call) { return approve_request(state, call); };
  table["DenyRequest"].handler = [&state](Call call) { return deny_request(state, call); };
}

}  // namespace signet
