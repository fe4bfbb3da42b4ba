#include "agent/service/request_access.h"

#include "agent/approvals/approval_count.h"
#include "agent/approvals/request_document.h"
#include "agent/service/approval_desk.h"
#include "agent/service/authorisation.h"

namespace signet {
namespace {

Error not_an_approver(const std::string& request, const std::string& who) {
  return approval_refused(request, "not-an-approver",
                          who +
                              " belongs to nobody who may approve this request. The policy says who may "
                              "(\"signet request show\", docs/policy.md).");
}

bool counts(const Policy& policy, const ApprovalRequest& request, const PolicyPrincipal& person) {
  std::vector<PolicyNeeds> needs;
  for (RuleStanding& rule : standing_of(policy, request).rules) needs.push_back(std::move(rule.needs));
  return may_approve(person, policy, needs, request.uid);
}

}  // namespace

bool is_requester(const Policy& policy, uid_t uid, const ApprovalRequest& request) {
  if (uid == request.uid) return true;
  const PolicyPrincipal* const person = principal_of_uid(policy, uid);
  return person != nullptr && person == principal_of_uid(policy, request.uid);
}

bool may_see(const Policy& policy, const Peer& peer, const ApprovalRequest& request) {
  if (is_requester(policy, peer.uid, request)) return true;
  const PolicyPrincipal* const person = principal_of_uid(policy, peer.uid);
  if (person != nullptr && counts(policy, request, *person)) return true;
  return allowed_unasked(policy, peer, Action::ReadLedger) ||
         allowed_unasked(policy, peer, Action::Administer);
}

Result<const PolicyPrincipal*> approver(const Policy& policy, const ApprovalRequest& request,
                                        const PolicyPrincipal* person, const std::string& who) {
  const std::string& id = request.request.id;
  if (person == nullptr) return not_an_approver(id, who);
  if (counts(policy, request, *person)) return person;
  if (principal_of_uid(policy, request.uid) == person)
    return approval_refused(id, "requester",
                            person->name +
                                " asked for this signature, and so cannot approve it: approvals are by "
                                "other persons.");
  return not_an_approver(id, who);
}

Result<std::string> denier(const Policy& policy, const ApprovalRequest& request, uid_t uid) {
  const PolicyPrincipal* const person = principal_of_uid(policy, uid);
  if (is_requester(policy, uid, request))
    return person == nullptr ? "uid " + std::to_string(uid) : person->name;
  const auto allowed = approver(policy, request, person, "Uid " + std::to_string(uid));
  if (!allowed) return allowed.error();
  return (*allowed)->name;
}

}  // namespace signet
