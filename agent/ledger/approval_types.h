// Requests that wait for approvals, as the ledger keeps them: values only. What a request means and who
// counts is agent/approvals'.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/result.h"

namespace signet {

// signed: a signature left for it; the same bytes may be signed again until it expires. approved is no state
// of its own: whether enough persons approved is counted when it matters, under the policy of that moment.
enum class RequestState { Pending, Denied, Expired, Signed };
std::string_view to_string(RequestState state);  // pending, denied, expired, signed

struct NewApprovalRequest {
  std::string id;        // SHA-256 of document, hex
  std::string subject;   // the same of the document without its expiry: what is asked for, whenever
  std::string document;  // canonical JSON; goes into the record
  std::string payload;   // the canonical "signed"
  std::string repository, role, digest;
  std::vector<std::string> keys;  // fingerprints
  bool supersede = false;
  std::int64_t version = 0;
  std::int64_t expires = 0;  // Unix seconds
  std::string summary;       // one line for people; goes into the record
  std::string difference;    // JSON
  std::string terms;         // JSON: what the policy asked for when it was made
};

// One approval. evidence: the uid in decimal, or the fingerprint of the key that signed.
struct Approval {
  enum class How { Uid, Signature };
  std::string principal;  // the name that the policy had for them then
  How how = How::Uid;
  std::string evidence;
  std::string file;  // Signature: the approval file
  std::string time;  // RFC 3339; the ledger's
};
std::string_view to_string(Approval::How how);  // uid, signature

struct ApprovalRequest {
  NewApprovalRequest request;  // payload empty where it was not asked for; in lists, difference too
  uid_t uid = 0;               // who asked first
  std::string created;
  RequestState state = RequestState::Pending;
  std::string denied_by, why;  // Denied
  std::vector<Approval> approvals;
};

// NotFound(request): there is none of this id, or none for who asks.
Error unknown_request(const std::string& id);

// Limits, each with its name in LimitExceeded. A request is live until it expires; its payload is kept while
// it is pending or signed.
inline constexpr std::int64_t kMaxPendingRequestsPerUid = 16;  // pending-requests-per-uid
inline constexpr std::int64_t kMaxLiveRequests = 1024;         // live-requests
inline constexpr std::int64_t kMaxRequestPayloads =
    64LL * 1024 * 1024;                                              // request-payloads, bytes of all live
inline constexpr std::size_t kMaxRequestSummary = 8 * 1024;          // request-summary
inline constexpr std::size_t kMaxRequestDifference = 1024 * 1024;    // request-difference
inline constexpr std::size_t kMaxApprovalFile = 64 * 1024;           // approval-file
inline constexpr std::int64_t kMaxApprovalsPerRequest = 64;          // approvals-per-request
inline constexpr std::size_t kMaxDenialReason = 1024;                // denial-reason
inline constexpr std::int64_t kForgetRequestsAfter = 7 * 24 * 3600;  // seconds after their expiry

}  // namespace signet
