#include "agent/service/approval_desk.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace signet {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;

json::array to_array(const std::vector<std::string>& list) {
  return json::array(list.begin(), list.end());
}

// What the policy asked for when the request was made: into the ledger and the record.
std::string terms_text(const std::vector<Verdict>& verdicts) {
  json::array terms;
  for (const Verdict& verdict : verdicts) {
    json::object term;
    term["rule"] = verdict.rule;
    term["approvals"] = verdict.needs.approvals;
    term["approvers"] = to_array(verdict.needs.approvers);
    term["requesterMayApprove"] = verdict.needs.requester_may_approve;
    terms.push_back(std::move(term));
  }
  return json::serialize(terms);
}

PolicyNeeds read_needs(const json::object& term) {
  PolicyNeeds needs;
  needs.approvals = term.at("approvals").to_number<std::int64_t>();
  for (const json::value& name : term.at("approvers").as_array())
    needs.approvers.emplace_back(name.as_string());
  needs.requester_may_approve = term.at("requesterMayApprove").as_bool();
  return needs;
}

const PolicyRule* find_rule(const Policy& policy, std::string_view name) {
  const auto found = std::find_if(policy.rules.begin(), policy.rules.end(),
                                  [&](const PolicyRule& rule) { return rule.name == name; });
  return found == policy.rules.end() ? nullptr : &*found;
}

RuleStanding stand(const Policy& policy, std::string rule, PolicyNeeds needs,
                   const ApprovalRequest& request) {
  RuleStanding out;
  out.count = count_approvals(policy, needs, request.uid, request.approvals);
  out.rule = std::move(rule);
  out.needs = std::move(needs);
  return out;
}

std::string join(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " or " : ", ";
    out += names[i];
  }
  return out;
}

Error request_denied(const ApprovalRequest& request) {
  json::object parameters;
  parameters["request"] = request.request.id;
  parameters["state"] = to_string(request.state);
  std::string message = request.denied_by + " denied the request " + request.request.id.substr(0, 16);
  if (!request.why.empty()) message += " (" + request.why + ")";
  return {ErrorName::RequestClosed,
          message + ". Nothing is signed for it until it has expired and is made anew.",
          std::move(parameters)};
}

}  // namespace

bool ApprovalStanding::approved() const {
  const bool open = request.state == RequestState::Pending || request.state == RequestState::Signed;
  return open && !rules.empty() && missing() == 0;
}

std::int64_t ApprovalStanding::missing() const {
  std::int64_t most = 0;
  for (const RuleStanding& rule : rules) most = std::max(most, rule.count.missing());
  return most;
}

awaitable<Result<ApprovalStanding>> stand_for_approval(Ledger& ledger, LoadedPolicyPtr policy,
                                                       ApprovalAsk ask, Requester who) {
  const auto summary = co_await ledger.summary();
  if (!summary) co_return summary.error();
  ask.document.ledger = summary->id;
  ask.document.requester = who.uid;
  const auto expiry = now_seconds() + kRequestLifetime;
  ask.document.expiry = std::chrono::duration_cast<std::chrono::seconds>(expiry.time_since_epoch()).count();
  NewApprovalRequest request;
  request.document = request_document(ask.document);
  request.id = request_id(ask.document);
  request.subject = request_subject(ask.document);
  request.payload = std::move(ask.payload);
  request.repository = ask.document.repository;
  request.role = ask.document.role;
  request.digest = ask.document.digest;
  request.keys = ask.document.keys;
  request.supersede = ask.document.supersede;
  request.version = ask.document.version;
  request.expires = ask.document.expiry;
  request.summary = std::move(ask.summary);
  request.difference = json::serialize(ask.difference);
  request.terms = terms_text(ask.verdicts);
  auto opened = co_await ledger.open_request(std::move(request), who);
  if (!opened) co_return opened.error();
  co_return count_standing(policy->policy, ask.verdicts, std::move(*opened));
}

Result<ApprovalStanding> count_standing(const Policy& policy, const std::vector<Verdict>& verdicts,
                                        ApprovalRequest request) {
  if (request.state == RequestState::Denied) return request_denied(request);
  ApprovalStanding standing;
  for (const Verdict& verdict : verdicts)
    standing.rules.push_back(stand(policy, verdict.rule, verdict.needs, request));
  standing.request = std::move(request);
  return standing;
}

ApprovalStanding standing_of(const Policy& policy, ApprovalRequest request) {
  ApprovalStanding standing;
  const json::value terms = json::parse(request.request.terms);
  for (const json::value& value : terms.as_array()) {
    const json::object& term = value.as_object();
    std::string name(term.at("rule").as_string());
    const PolicyRule* const rule = find_rule(policy, name);
    PolicyNeeds needs = rule == nullptr ? read_needs(term) : rule->needs;
    standing.rules.push_back(stand(policy, std::move(name), std::move(needs), request));
  }
  standing.request = std::move(request);
  return standing;
}

awaitable<void> await_approval(ServiceState& state, const ApprovalStanding& standing, std::uint64_t seen) {
  const std::chrono::sys_seconds expires{std::chrono::seconds(standing.request.request.expires)};
  const auto left = expires - now_seconds();
  if (left.count() > 0) co_await state.approval_watch.wait(seen, left);
}

std::string standing_text(const ApprovalStanding& standing) {
  std::string text;
  for (const RuleStanding& rule : standing.rules) {
    if (!text.empty()) text += " ";
    text += "The rule \"" + rule.rule + "\" asks for " + std::to_string(rule.count.needed) + " approvals; " +
            std::to_string(rule.count.counted.size()) + " are there.";
    if (rule.count.missing() > 0 && !rule.count.open.empty())
      text += " " + join(rule.count.open) + " can approve.";
    if (rule.count.missing() > static_cast<std::int64_t>(rule.count.open.size()))
      text += " That is not enough people: correct the policy.";
  }
  return text;
}

json::object approval_event(const ApprovalStanding& standing) {
  const NewApprovalRequest& request = standing.request.request;
  json::object event;
  event["kind"] = "approval";
  event["token"] = nullptr;
  event["serial"] = nullptr;
  event["key"] = nullptr;
  event["message"] = standing_text(standing);
  event["request"] = request.id;
  event["summary"] = request.summary;
  return event;
}

Error approval_required(const ApprovalStanding& standing) {
  json::object parameters;
  parameters["request"] = standing.request.request.id;
  return {ErrorName::ApprovalRequired,
          standing_text(standing) + " The request is " + standing.request.request.id.substr(0, 16) +
              " (\"signet request show\"); ask again when it is approved.",
          std::move(parameters)};
}

}  // namespace signet
