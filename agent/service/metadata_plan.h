// What a call of SignMetadata comes to: read, held against the repository, the keys chosen. Everything before
// the policy and the version marks.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <memory>
#include <string>
#include <vector>

#include "agent/service/state.h"
#include "agent/signing/signer_selection.h"
#include "agent/signing/signing_rule.h"
#include "agent/varlink/handler.h"
#include "protocol/metadata_difference.h"

namespace signet {

struct SignMetadataCall {
  std::string repository, role, text;
  std::string digest;  // SHA-256 of the text, hex; set by who parsed the call
  MetadataFormat format = MetadataFormat::Tuf;
  std::vector<std::string> keys;
  bool dry_run = false, supersede = false, accept_lower_threshold = false;
};

// InvalidParameter.
Result<SignMetadataCall> parse_sign_metadata(const boost::json::object& parameters);

struct MetadataPlan {
  std::string repository;  // its normal name
  Signed candidate;
  std::string digest;  // SHA-256 of the canonical bytes, hex
  SigningDecision decision;
  SignerSelection selection;
  // What was released or observed last of the role; null if nothing was. For a supersede, what is superseded.
  std::shared_ptr<const MetadataFile> previous;
  std::string superseded;  // its digest, where the call supersedes it; else empty
  MetadataDifference difference;
  // When other versions of the role were released during the last hour: how many. Asked for only where a rule
  // limits it.
  std::optional<std::int64_t> other_versions_last_hour;
};

// MetadataInvalid, NotFound, KeyRefused, PolicyDenied(lower-threshold), LedgerUnavailable. `call` stays valid
// during the call.
boost::asio::awaitable<Result<MetadataPlan>> plan_metadata(ServiceState& state, Ledger& ledger,
                                                           const SignMetadataCall& call);

// How much is read where the call's metadata is held against what was before: what a Workbench wants to know.
std::size_t bytes_of(const SignMetadataCall& call, const MetadataPlan& plan);

// What is reserved for the plan's signers.
ReserveRequest reserve_request(const SignMetadataCall& call, const MetadataPlan& plan, const Peer& peer);

}  // namespace signet
