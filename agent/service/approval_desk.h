// Where a signature that needs approvals meets those who give them: finds or makes the request, counts the
// persons, says what is missing. The methods (request_methods.cpp) and SignMetadata both come here.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "agent/approvals/approval_count.h"
#include "agent/approvals/request_document.h"
#include "agent/policy/decide.h"
#include "agent/service/state.h"

namespace signet {

// How long a request waits for its approvals.
inline constexpr std::chrono::hours kRequestLifetime{24};

// What SignMetadata wants to sign.
struct ApprovalAsk {
  RequestDocument document;        // ledger and expiry are filled in
  std::string payload;             // the canonical "signed"
  std::vector<Verdict> verdicts;   // those that ask for approvals, each rule once
  std::string summary;             // one line (difference_line)
  boost::json::object difference;  // difference_json
};

// A rule that asks for approvals, and how far they got.
struct RuleStanding {
  std::string rule;
  PolicyNeeds needs;
  ApprovalCount count;
};

struct ApprovalStanding {
  ApprovalRequest request;  // without its payload
  std::vector<RuleStanding> rules;
  bool approved() const;         // enough for every rule, and neither denied nor expired
  std::int64_t missing() const;  // of the rule that lacks most
};

// The live request for this very signature by this requester, or a new one. Counted by `policy` and the
// verdicts. RequestClosed (denied), LimitExceeded, LedgerUnavailable.
boost::asio::awaitable<Result<ApprovalStanding>> stand_for_approval(Ledger& ledger, LoadedPolicyPtr policy,
                                                                    ApprovalAsk ask, Requester who);

// How far a request's approvals go towards what these verdicts ask for. RequestClosed (denied).
Result<ApprovalStanding> count_standing(const Policy& policy, const std::vector<Verdict>& verdicts,
                                        ApprovalRequest request);

// How a request stands under `policy`: by the rules that it named, as they are now, or as they were where the
// policy has no such rule any more.
ApprovalStanding standing_of(const Policy& policy, ApprovalRequest request);

// Returns at the next change of any request since `seen` (ApprovalWatch::changes(), taken before the standing
// was), or when this one expires.
boost::asio::awaitable<void> await_approval(ServiceState& state, const ApprovalStanding& standing,
                                            std::uint64_t seen);

// The IDL's Event of kind approval, and its error ApprovalRequired(request).
boost::json::object approval_event(const ApprovalStanding& standing);
Error approval_required(const ApprovalStanding& standing);
// "2 of 3 approvals are there; bob or carol can give the others".
std::string standing_text(const ApprovalStanding& standing);

}  // namespace signet
