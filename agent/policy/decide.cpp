#include "agent/policy/decide.h"

#include <utility>

#include "agent/policy/limits.h"
#include "agent/policy/match.h"
#include "agent/policy/sentences.h"
#include "agent/policy/time_span.h"

namespace signet {
namespace {

Verdict refused(std::string_view rule, std::string sentence) {
  Verdict verdict;
  verdict.rule = rule;
  verdict.sentence = std::move(sentence);
  return verdict;
}

std::string subject(const PolicyRequest& request) {
  return who_text(request.who) + " to do " + what_text(request);
}

// The facts that the action has and the request lacks: a caller's bug, which must not turn into a rule or a
// limit that is skipped.
std::string missing_facts(const PolicyRequest& request) {
  const ActionFacts& facts = facts_of(request.action);
  std::string missing;
  const auto check = [&missing](Presence presence, bool there, const char* name) {
    if (presence == Presence::Required && !there)
      missing += (missing.empty() ? "" : ", ") + std::string(name);
  };
  check(facts.key, request.key && !request.key->name.empty(), "key");
  check(facts.key, request.key && !request.key->uses.empty(), "use");
  check(facts.fingerprint, request.key && !request.key->fingerprint.empty(), "fingerprint");
  check(facts.token, request.token && !(request.token->label.empty() && request.token->serial.empty()),
        "token");
  check(facts.repository, request.repository && !request.repository->empty(), "repository");
  check(facts.repository, request.role && !request.role->empty(), "role");
  check(facts.metadata, request.metadata.has_value(), "metadata");
  check(facts.expires, request.expires.has_value(), "expires");
  return missing;
}

std::optional<Verdict> refused_before_any_rule(const Policy& policy, const PolicyRequest& request,
                                               Facts facts) {
  if (request.who.uid == policy.overflow_uid)
    return refused(
        kOverflowUid,
        "uid " + std::to_string(request.who.uid) +
            " is the overflow uid, which stands for whoever the kernel cannot name: nothing is allowed "
            "to it. Call the agent from its own user namespace.");
  if (facts == Facts::Hypothetical) return std::nullopt;
  if (const std::string missing = missing_facts(request); !missing.empty())
    return refused(kIncompleteRequest, std::string(to_string(request.action)) +
                                           " was asked for without its " + missing +
                                           ", so no rule can be applied: refused. Please report this bug.");
  return std::nullopt;
}

// What the key's token asks a person for at each signature confirms that signature, and nothing else.
bool touch_confirms(const PolicyRequest& request) {
  switch (request.action) {
    case Action::SignMetadata:
    case Action::Supersede:
    case Action::SignMessage:
    case Action::IssueCertificate:
      return request.key && request.key->touch_required;
    default:
      return false;
  }
}

std::string needs_text(const Verdict& verdict) {
  std::string text;
  const PolicyNeeds& needs = verdict.needs;
  if (needs.approvals > 0) {
    text += " It needs " + count_text(needs.approvals, "approval") + " by ";
    for (std::size_t i = 0; i < needs.approvers.size(); ++i)
      text += (i == 0 ? "" : ", ") + needs.approvers[i];
    text += needs.requester_may_approve ? "." : ", none of them who asks.";
  }
  if (needs.confirm == Confirm::Person) text += " A person must confirm it.";
  if (verdict.confirmed_by_touch) text += " The touch that the key asks for confirms it.";
  if (needs.pin_cache && needs.pin_cache->count() == 0) text += " The PIN is kept for one signature only.";
  if (needs.pin_cache && needs.pin_cache->count() != 0)
    text += " The PIN is kept for " + span_text(*needs.pin_cache) + " at most.";
  return text;
}

Verdict allowed(const PolicyRule& rule, const PolicyRequest& request) {
  Verdict verdict;
  verdict.allowed = true;
  verdict.rule = rule.name;
  verdict.needs = rule.needs;
  if (rule.needs.confirm == Confirm::Person && touch_confirms(request)) {
    verdict.needs.confirm = Confirm::None;
    verdict.confirmed_by_touch = true;
  }
  for (const std::string& name : rule.shared_keys)
    if (request.key && request.key->name == name) verdict.shared_key = true;
  return verdict;
}

std::string allowed_text(const PolicyRequest& request, const Verdict& verdict) {
  return "The rule " + quoted_name(verdict.rule) + " allows " + subject(request) + "." + needs_text(verdict);
}

Verdict apply(const PolicyRule& rule, const PolicyRequest& request) {
  if (!rule.allow)
    return refused(rule.name, "The rule " + quoted_name(rule.name) + " refuses " + subject(request) + ".");
  const std::vector<BrokenLimit> broken = broken_limits(rule.limits, request);
  if (broken.empty()) return allowed(rule, request);
  std::string why;
  for (const BrokenLimit& limit : broken) why += (why.empty() ? "" : "; ") + limit.key + ": " + limit.why;
  Verdict verdict = refused(rule.name, "The rule " + quoted_name(rule.name) + " allows " + subject(request) +
                                           " only within its limits. " + why + ".");
  for (const BrokenLimit& limit : broken) {
    verdict.broken.push_back(limit.key);
    if (limit.unknown) verdict.unknown.push_back(limit.key);
  }
  return verdict;
}

Verdict nothing_matched(const PolicyRequest& request) {
  return refused(kNoRuleMatched, "No rule of the policy allows " + subject(request) +
                                     ". \"signet policy explain\" says why each rule does not.");
}

}  // namespace

Verdict decide(const Policy& policy, const PolicyRequest& request) {
  if (std::optional<Verdict> early = refused_before_any_rule(policy, request, Facts::Complete))
    return std::move(*early);
  for (const PolicyRule& rule : policy.rules)
    if (!mismatch(rule, request)) return apply(rule, request);
  return nothing_matched(request);
}

Explanation explain(const Policy& policy, const PolicyRequest& request, Facts facts) {
  Explanation explanation;
  std::optional<Verdict> verdict = refused_before_any_rule(policy, request, facts);
  for (const PolicyRule& rule : policy.rules) {
    RuleFinding finding{rule.name, rule.line, RuleFinding::Kind::NotReached, ""};
    if (!verdict) {
      if (std::optional<std::string> why = mismatch(rule, request)) {
        finding.kind = RuleFinding::Kind::NotMatched;
        finding.why = std::move(*why);
      } else {
        verdict = apply(rule, request);
        if (verdict->allowed) verdict->sentence = allowed_text(request, *verdict);
        finding.kind = RuleFinding::Kind::Decided;
        finding.why = verdict->sentence;
      }
    }
    explanation.rules.push_back(std::move(finding));
  }
  explanation.verdict = verdict ? std::move(*verdict) : nothing_matched(request);
  return explanation;
}

}  // namespace signet
