#include "agent/service/metadata_permission.h"

#include <algorithm>

#include "agent/policy/metadata_facts.h"
#include "agent/service/authorisation.h"

namespace signet {
namespace {

struct SignerJudgement {
  std::vector<Verdict> verdicts;
  bool shared = true;
};

// A supersede is an act of its own besides the signing: both must be allowed.
// Tokens that it is not allowed on are left out of the signer's.
Result<SignerJudgement> judge_signer(const Policy& policy, PolicyRequest request, Signer& signer,
                                     bool supersede) {
  request.key = policy_key(signer.enrolled);
  request.token = policy_token(signer.enrolled);
  SignerJudgement judgement;
  std::vector<Action> actions{Action::SignMetadata};
  if (supersede) actions.push_back(Action::Supersede);
  for (const Action action : actions) {
    request.action = action;
    auto verdict = judge(policy, request);
    if (!verdict) return verdict.error();
    std::erase_if(signer.enrolled.also, [&](const LedgerKeyLocation& other) {
      return !allowed_alike(policy, request, policy_token(other), *verdict);
    });
    judgement.shared = judgement.shared && verdict->shared_key;
    judgement.verdicts.push_back(std::move(*verdict));
  }
  return judgement;
}

}  // namespace

const Verdict* MetadataPermission::needs_person() const {
  const auto found = std::find_if(verdicts.begin(), verdicts.end(),
                                  [](const Verdict& v) { return v.needs.confirm == Confirm::Person; });
  return found == verdicts.end() ? nullptr : &*found;
}

std::vector<Verdict> MetadataPermission::needs_approvals() const {
  std::vector<Verdict> needed;
  for (const Verdict& verdict : verdicts) {
    const auto same = [&](const Verdict& v) { return v.rule == verdict.rule; };
    if (verdict.needs.approvals > 0 && std::none_of(needed.begin(), needed.end(), same))
      needed.push_back(verdict);
  }
  return needed;
}

std::optional<VersionRate> MetadataPermission::rate(const Policy& policy) const {
  std::optional<VersionRate> strictest;
  for (const PolicyRule& rule : policy.rules) {
    const auto decided = [&](const Verdict& v) { return v.rule == rule.name; };
    if (!rule.limits.versions_per_hour || std::none_of(verdicts.begin(), verdicts.end(), decided)) continue;
    if (strictest && strictest->most <= *rule.limits.versions_per_hour) continue;
    strictest.emplace();
    strictest->most = *rule.limits.versions_per_hour;
    strictest->period = std::chrono::hours(1);
    strictest->rule = rule.name;
  }
  return strictest;
}

std::optional<std::chrono::seconds> MetadataPermission::pin_cache() const {
  std::optional<std::chrono::seconds> shortest;
  for (const Verdict& verdict : verdicts) {
    const auto& one = verdict.needs.pin_cache;
    if (one && (!shortest || *one < *shortest)) shortest = one;
  }
  return shortest;
}

std::vector<std::string> MetadataPermission::rules() const {
  std::vector<std::string> names;
  for (const Verdict& verdict : verdicts)
    if (std::find(names.begin(), names.end(), verdict.rule) == names.end()) names.push_back(verdict.rule);
  return names;
}

PolicyRequest metadata_request(const SignMetadataCall& call, const MetadataPlan& plan, PolicyIdentity who,
                               std::chrono::sys_seconds now) {
  PolicyRequest request;
  request.who = std::move(who);
  request.repository = plan.repository;
  request.role = call.role;
  request.metadata =
      metadata_facts(call.role, plan.previous ? &plan.previous->content : nullptr, plan.candidate);
  request.metadata->other_versions_last_hour = plan.other_versions_last_hour;
  request.expires = plan.candidate.expires_at;
  request.now = now;
  return request;
}

Result<MetadataPermission> judge_metadata(const Policy& policy, const SignMetadataCall& call,
                                          MetadataPlan& plan, const PolicyIdentity& who,
                                          std::chrono::sys_seconds now) {
  const PolicyRequest request = metadata_request(call, plan, who, now);
  MetadataPermission permission;
  std::vector<Signer> allowed;
  for (Signer& signer : plan.selection.signers) {
    auto judgement = judge_signer(policy, request, signer, call.supersede);
    if (!judgement) {
      if (!call.keys.empty()) return judgement.error();
      permission.refused.push_back(RefusedSigner{std::move(signer), judgement.error()});
      continue;
    }
    if (judgement->shared) permission.shared_keys.push_back(signer.enrolled.fingerprint);
    for (Verdict& verdict : judgement->verdicts) permission.verdicts.push_back(std::move(verdict));
    allowed.push_back(std::move(signer));
  }
  if (allowed.empty()) return permission.refused.front().why;
  plan.selection.signers = std::move(allowed);
  return permission;
}

}  // namespace signet
