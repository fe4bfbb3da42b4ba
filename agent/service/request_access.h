// Who may see a request for approval, approve it and deny it: decisions over values.
#pragma once

#include <string>

#include "agent/ledger/approval_types.h"
#include "agent/policy/policy.h"
#include "agent/varlink/handler.h"
#include "protocol/result.h"

namespace signet {

// Whether a uid is who asked: it did itself, or belongs to the same principal.
bool is_requester(const Policy& policy, uid_t uid, const ApprovalRequest& request);

// Who asked, the principals who may approve it, and who may read the ledger or administer. For all others the
// request is not there.
bool may_see(const Policy& policy, const Peer& peer, const ApprovalRequest& request);

// The person, or why it is nobody whose approval counts (ApprovalRefused). person: null for nobody; who: for
// messages, "Uid 1000". Borrowed from `policy`.
Result<const PolicyPrincipal*> approver(const Policy& policy, const ApprovalRequest& request,
                                        const PolicyPrincipal* person, const std::string& who);

// Whoever may approve may deny, and whoever asked may take it back: by which name. ApprovalRefused.
Result<std::string> denier(const Policy& policy, const ApprovalRequest& request, uid_t uid);

}  // namespace signet
