// Whom the policy says to ask before metadata is signed: a person, approvers, or nobody. Asks until nothing
// is left to ask for, and judges anew after each wait.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "agent/identity/identification.h"
#include "agent/service/metadata_permission.h"
#include "agent/service/metadata_plan.h"
#include "agent/service/state.h"
#include "agent/varlink/handler.h"
#include "protocol/difference_text.h"

namespace signet {

// A plan that may be carried out now.
struct ReadyPlan {
  MetadataPlan plan;
  MetadataPermission permission;
  ReserveRequest reserve;
  std::chrono::steady_clock::time_point judged_at;
  std::optional<std::string> agreed_to;  // what a person was shown and agreed to
};

// Names keys as this agent's people know them.
DifferenceTextOptions text_options(const ServiceState& state);

// Read, judged, and held against what is observed, as everything is now; nobody is asked. The references stay
// valid during the call, here and below. What plan_metadata() and judge_metadata() return.
boost::asio::awaitable<Result<ReadyPlan>> prepare_metadata(ServiceState& state, Ledger& ledger,
                                                           const SignMetadataCall& call,
                                                           const Identity& identity);

// The same, with everybody asked whom the policy asks. Besides the above: PolicyDenied where the person did
// not agree, ApprovalRequired, RequestClosed, and what Ledger::check() refuses.
boost::asio::awaitable<Result<ReadyPlan>> ask_for_metadata(ServiceState& state, Ledger& ledger,
                                                           const SignMetadataCall& request,
                                                           const Identity& identity, const Call& call);

// Whether this signer may sign still, after a wait for its token: what was asked for must be what the policy
// asks for now, and what the person agreed to must be what changes now. Asks nobody: PolicyDenied,
// ApprovalRequired and RequestClosed where somebody would have to be asked (again).
boost::asio::awaitable<Result<void>> judge_metadata_again(ServiceState& state, Ledger& ledger,
                                                          const SignMetadataCall& call,
                                                          const Identity& identity, const ReadyPlan& ready,
                                                          const Signer& signer);

}  // namespace signet
