// ShowPolicy, CheckPolicy, ExplainPolicy.
#include <boost/json/array.hpp>

#include "agent/policy/accounts.h"
#include "agent/policy/decide.h"
#include "agent/policy/parse_policy.h"
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

awaitable<Reply> check_policy_text(Call call) {
  const auto text = text_parameter(call.parameters, "text");
  if (!text) co_return text.error();
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
  const auto request = read_policy_question(question->get_object(), call.peer, state.keys, now_seconds());
  if (!request) co_return request.error();
  const LoadedPolicyPtr policy = state.policy;
  const Explanation explanation = explain(policy->policy, *request, Facts::Hypothetical);
  boost::json::array rules;
  for (const RuleFinding& finding : explanation.rules) rules.push_back(to_json(finding));
  object reply{{"verdict", to_json(explanation.verdict)}, {"rules", std::move(rules)}};
  co_return reply;
}

}  // namespace

void add_policy_methods(ServiceState& state, MethodTable& table) {
  table["ShowPolicy"].handler = [&state](Call) { return show_policy(state); };
  table["CheckPolicy"].handler = [](Call call) { return check_policy_text(call); };
  table["ExplainPolicy"].handler = [&state](Call call) { return explain_policy(state, call); };
}

}  // namespace signet
