// libsignet's calls about the policy.
#include "client/call_json.h"
#include "client/field_reader.h"
#include "client/signet.h"

namespace signet::client {
namespace {

using boost::json::object;

template <typename T>
void put(object& json, const char* name, const std::optional<T>& value) {
  if (value) json[name] = *value;
}

object question_json(const PolicyQuestion& question) {
  object json;
  json["action"] = question.action;
  if (question.touch) json["touch"] = true;  // else what the agent knows of the key
  put(json, "user", question.user);
  put(json, "issuer", question.issuer);
  put(json, "claims", question.claims);
  put(json, "key", question.key);
  put(json, "algorithm", question.algorithm);
  put(json, "use", question.use);
  put(json, "token", question.token);
  put(json, "repository", question.repository);
  put(json, "role", question.role);
  put(json, "at", question.at);
  put(json, "expires", question.expires);
  put(json, "rootKeys", question.root_keys);
  put(json, "otherVersionsLastHour", question.other_versions_last_hour);
  put(json, "delegationsChanged", question.delegations_changed);
  if (question.changed_targets) json["changedTargets"] = strings(*question.changed_targets);
  if (question.thresholds) {
    object thresholds;
    for (const auto& [role, threshold] : *question.thresholds) thresholds[role] = threshold;
    json["thresholds"] = std::move(thresholds);
  }
  return json;
}

Result<PolicyMistake> read_mistake(const object& json) {
  FieldReader reader(json, "policy mistake");
  PolicyMistake mistake;
  mistake.line = reader.number("line");
  mistake.key = reader.text("key");
  mistake.why = reader.text("why");
  return reader.finish(std::move(mistake));
}

Result<PolicyFinding> read_finding(const object& json) {
  FieldReader reader(json, "policy finding");
  PolicyFinding finding;
  finding.rule = reader.text("rule");
  finding.line = reader.number("line");
  finding.outcome = reader.text("outcome");
  finding.why = reader.text("why");
  return reader.finish(std::move(finding));
}

Result<PolicyExplanation> read_verdict(const object& json) {
  FieldReader reader(json, "policy verdict");
  PolicyExplanation verdict;
  verdict.outcome = reader.text("outcome");
  verdict.rule = reader.text("rule");
  verdict.sentence = reader.text("sentence");
  verdict.broken = reader.texts("broken");
  verdict.unknown = reader.texts("unknown");
  verdict.approvals = reader.number("approvals");
  verdict.approvers = reader.texts("approvers");
  verdict.requester_may_approve = reader.flag("requesterMayApprove");
  verdict.confirm = reader.text("confirm");
  verdict.confirmed_by_touch = reader.flag("confirmedByTouch");
  verdict.pin_cache_seconds = reader.optional_number("pinCacheSeconds");
  verdict.shared_key = reader.flag("sharedKey");
  return reader.finish(std::move(verdict));
}

}  // namespace

Result<PolicyText> Agent::show_policy() {
  const auto reply = call("org.signet.Agent.ShowPolicy", {});
  if (!reply) return reply.error();
  FieldReader reader(*reply, "policy");
  PolicyText policy;
  policy.source = reader.text("source");
  policy.text = reader.text("text");
  return reader.finish(std::move(policy));
}

Result<std::vector<PolicyMistake>> Agent::check_policy(std::string_view text) {
  object parameters;
  parameters["text"] = boost::json::string_view(text.data(), text.size());
  const auto reply = call("org.signet.Agent.CheckPolicy", parameters);
  if (!reply) return reply.error();
  FieldReader reader(*reply, "checked policy");
  auto mistakes = reader.list("mistakes", read_mistake);
  return reader.finish(std::move(mistakes));
}

Result<PolicyExplanation> Agent::explain_policy(const PolicyQuestion& question) {
  object parameters;
  parameters["question"] = question_json(question);
  const auto reply = call("org.signet.Agent.ExplainPolicy", parameters);
  if (!reply) return reply.error();
  FieldReader reader(*reply, "explanation");
  PolicyExplanation explanation = reader.nested("verdict", read_verdict);
  explanation.rules = reader.list("rules", read_finding);
  return reader.finish(std::move(explanation));
}

}  // namespace signet::client
