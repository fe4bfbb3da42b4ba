// ShowPolicy, CheckPolicy, ExplainPolicy.
#include <boost/json/array.hpp>

#include "agent/policy/accounts.h"
#include "agent/policy/decide.h"
#include "agent/policy/parse_policy.h"
#include "agent/service/authorisation.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/policy_question.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using boost::json::object;
using Reply = Result<object>;

boost::json::array texts(const std::vector<std::string>& all) {
  boost::json::array array;
  for (const std::string& one : all) array.emplace_back(one);
  return array;
}

const char* outcome_of(const Verdict& verdict) {
  if (verdict.allowed) return "allowed";
  return !verdict.broken.empty() && verdict.broken.size() == verdict.unknown.size() ? "depends" : "refused";
}

object to_json(const Verdict& verdict) {
  const PolicyNeeds& needs = verdict.needs;
  object json{{"outcome", outcome_of(verdict)},
              {"rule", verdict.rule},
              {"sentence", verdict.sentence},
              {"broken", texts(verdict.broken)},
              {"unknown", texts(verdict.unknown)},
              {"approvals", needs.approvals},
              {"approvers", texts(needs.approvers)},
              {"requesterMayApprove", needs.requester_may_approve},
              {"confirm", needs.confirm == Confirm::Person ? "person" : "none"},
              {"confirmedByTouch", verdict.confirmed_by_touch},
              {"pinCacheSeconds", nullptr},
              {"sharedKey", verdict.shared_key}};
  if (needs.pin_cache) json["pinCacheSeconds"] = needs.pin_cache->count();
  return json;
}

object to_json(const RuleFinding& finding) {
  const char* outcome = "not_reached";
  if (finding.kind == RuleFinding::Kind::Decided) outcome = "decided";
  if (finding.kind == RuleFinding::Kind::NotMatched) outcome = "not_matched";
  return {{"rule", finding.rule},
          {"line", static_cast<std::int64_t>(finding.line)},
          {"outcome", outcome},
          {"why", finding.why}};
}

awaitable<Reply> show_policy(ServiceState& state) {
  object reply{{"source", state.policy->source}, {"text", state.policy->text}};
  co_return reply;
}

// Names in a policy, and users, are looked up in the system's name service: that may take its time, and the
// agent waits for it.
Error only_administrators(std::string message) {
  boost::json::object parameters{{"rule", "administer"}};
  return {ErrorName::PolicyDenied, std::move(message), std::move(parameters)};
}

awaitable<Reply> check_policy_text(ServiceState& state, Call call) {
  const auto text = text_parameter(call.parameters, "text");
  if (!text) co_return text.error();
  if (!is_administrator(state.policy->policy, call.peer))
    co_return only_administrators(
        "This agent checks a policy for those who may administer it. Without it, \"signetd --check-policy "
        "FILE\" says the same.");
  const ParsedPolicy parsed = parse_policy(*text, system_accounts());
  boost::json::array mistakes;
  for (const ConfigMistake& mistake : parsed.mistakes) {
    object one{{"line", static_cast<std::int64_t>(mistake.line)}, {"key", mistake.key}, {"why", mistake.why}};
    mistakes.push_back(std::move(one));
  }
  object reply{{"mistakes", std::move(mistakes)}};
  co_return reply;
}

awaitable<Reply> explain_policy(ServiceState& state, Call call) {
  const boost::json::value* question = call.parameters.if_contains("question");
  if (question == nullptr || !question->is_object())
    co_return invalid_parameter("question", "\"question\" is an object: the request to explain.");
  const auto user = optional_text(question->get_object(), "user");
  if (!user) co_return user.error();
  const LoadedPolicyPtr policy = state.policy;
  if (*user && !means_account(**user, call.peer.uid) && !is_administrator(policy->policy, call.peer))
    co_return only_administrators(
        "This agent explains what another user may do to those who may administer it. Ask for yourself: "
        "leave "
        "--as out.");
  const auto request = read_policy_question(question->get_object(), call.peer, state.keys, now_seconds());
  if (!request) co_return request.error();
  const Explanation explanation = explain(policy->policy, *request, Facts::Hypothetical);
  boost::json::array rules;
  for (const RuleFinding& finding : explanation.rules) rules.push_back(to_json(finding));
  object reply{{"verdict", to_json(explanation.verdict)}, {"rules", std::move(rules)}};
  co_return reply;
}

}  // namespace

void add_policy_methods(ServiceState& state, MethodTable& table) {
  table["ShowPolicy"].handler = [&state](Call) { return show_policy(state); };
  table["CheckPolicy"].handler = [&state](Call call) { return check_policy_text(state, call); };
  table["ExplainPolicy"].handler = [&state](Call call) { return explain_policy(state, call); };
}

}  // namespace signet
