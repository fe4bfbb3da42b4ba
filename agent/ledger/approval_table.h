// Requests for approval and the approvals given. Each step is a record: approval.request, approval.approve,
// approval.deny, approval.expire.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/ledger/approval_types.h"
#include "agent/ledger/database.h"
#include "agent/ledger/ledger_types.h"
#include "agent/ledger/records.h"
#include "protocol/result.h"

namespace signet {

// Contracts: ledger.h. Not thread safe; each call decides first and writes after.
class ApprovalTable {
 public:
  ApprovalTable(Database& database, RecordLog& records) : database_(database), records_(records) {}

  Result<ApprovalRequest> open(const NewApprovalRequest& request, const Requester& who);
  Result<ApprovalRequest> find(const std::string& id, bool with_payload);
  Result<std::vector<ApprovalRequest>> all(bool live_only);
  Result<ApprovalRequest> approve(const std::string& id, const Approval& approval, const Requester& who);
  Result<ApprovalRequest> deny(const std::string& id, const std::string& principal, const std::string& why,
                               const Requester& who);
  // How many expired. Removes what has been expired for kForgetRequestsAfter.
  Result<std::int64_t> expire();

  // For the reservations: PolicyDenied unless this request is live, not denied, and for these bytes.
  Result<void> check_open(const std::string& id, const ReserveRequest& reserve);
  void mark_signed(const std::string& id);

 private:
  std::optional<ApprovalRequest> row(std::string_view sql, const std::string& key);
  std::vector<Approval> approvals(const std::string& id);
  std::optional<Error> refuse_new(const NewApprovalRequest& request, uid_t uid);
  Result<ApprovalRequest> open_for_votes(const std::string& id);
  void insert(const NewApprovalRequest& request, const Requester& who);

  Database& database_;
  RecordLog& records_;
};

}  // namespace signet
