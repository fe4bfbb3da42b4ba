#include "agent/approvals/approval_count.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace signet {
namespace {

bool listed(const PolicyPrincipal& person, const PolicyNeeds& needs) {
  return std::find(needs.approvers.begin(), needs.approvers.end(), person.name) != needs.approvers.end();
}

bool is_requester(const PolicyPrincipal& person, const Policy& policy, uid_t requester) {
  return principal_of_uid(policy, requester) == &person;
}

bool may_approve(const PolicyPrincipal& person, const Policy& policy, const PolicyNeeds& needs,
                 uid_t requester) {
  return listed(person, needs) && (needs.requester_may_approve || !is_requester(person, policy, requester));
}

}  // namespace

const PolicyPrincipal* principal_of_uid(const Policy& policy, uid_t uid) {
  for (const PolicyPrincipal& person : policy.principals)
    if (std::find(person.uids.begin(), person.uids.end(), uid) != person.uids.end()) return &person;
  return nullptr;
}

const PolicyPrincipal* principal_of_key(const Policy& policy, std::string_view fingerprint) {
  for (const PolicyPrincipal& person : policy.principals)
    for (const PublicKey& key : person.keys)
      if (key.fingerprint() == fingerprint) return &person;
  return nullptr;
}

const PolicyPrincipal* principal_of(const Policy& policy, const Approval& approval) {
  if (approval.how == Approval::How::Signature) return principal_of_key(policy, approval.evidence);
  uid_t uid = 0;
  const char* const end = approval.evidence.data() + approval.evidence.size();
  const auto [stop, fault] = std::from_chars(approval.evidence.data(), end, uid);
  return fault == std::errc() && stop == end ? principal_of_uid(policy, uid) : nullptr;
}

ApprovalCount count_approvals(const Policy& policy, const PolicyNeeds& needs, uid_t requester,
                              const std::vector<Approval>& approvals) {
  std::set<const PolicyPrincipal*> persons;
  for (const Approval& approval : approvals)
    if (const PolicyPrincipal* person = principal_of(policy, approval)) persons.insert(person);
  ApprovalCount count;
  count.needed = needs.approvals;
  for (const PolicyPrincipal& person : policy.principals) {
    if (!may_approve(person, policy, needs, requester)) continue;
    (persons.contains(&person) ? count.counted : count.open).push_back(person.name);
  }
  return count;
}

bool may_approve(const PolicyPrincipal& person, const Policy& policy, const std::vector<PolicyNeeds>& needs,
                 uid_t requester) {
  return std::any_of(needs.begin(), needs.end(),
                     [&](const PolicyNeeds& one) { return may_approve(person, policy, one, requester); });
}

}  // namespace signet
