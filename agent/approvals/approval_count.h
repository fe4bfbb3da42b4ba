// Who counts: approvals are by persons, not by uids or keys. Pure, thread safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ledger/approval_types.h"
#include "agent/policy/policy.h"

namespace signet {

// The principal whom this uid, or the public key of this fingerprint, belongs to; null if to none.
const PolicyPrincipal* principal_of_uid(const Policy& policy, uid_t uid);
const PolicyPrincipal* principal_of_key(const Policy& policy, std::string_view fingerprint);
// Whom an approval is by, under this policy.
const PolicyPrincipal* principal_of(const Policy& policy, const Approval& approval);

// How far the approvals of a request go towards what one rule needs.
struct ApprovalCount {
  std::int64_t needed = 0;
  std::vector<std::string> counted;  // names of principals, each once
  std::vector<std::string> open;     // of those who could approve still
  std::int64_t missing() const {
    const auto have = static_cast<std::int64_t>(counted.size());
    return have < needed ? needed - have : 0;
  }
};

// Each principal that the rule lists counts once, by however many uids and keys they approved. The principal
// that the requester's uid belongs to does not, unless the rule says so. An approval by a uid or a key that
// the policy does not give to anybody any more does not count.
ApprovalCount count_approvals(const Policy& policy, const PolicyNeeds& needs, uid_t requester,
                              const std::vector<Approval>& approvals);

// Whether this person may approve what these rules need. Each of several rules must have its own number.
bool may_approve(const PolicyPrincipal& person, const Policy& policy, const std::vector<PolicyNeeds>& needs,
                 uid_t requester);

}  // namespace signet
