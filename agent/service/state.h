// What the method handlers share. Lives on the event loop; no locks, no other thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "agent/checkpoint/checkpointer.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/ledger_options.h"
#include "agent/policy/policy_file.h"
#include "agent/service/approval_watch.h"
#include "agent/service/key_book.h"
#include "agent/service/metadata_cache.h"
#include "agent/tokens/token_service.h"
#include "agent/varlink/handler.h"

namespace signet {

// What SIGHUP may change.
struct ServiceSettings {
  std::vector<std::string> shared_keys;  // names of keys that may serve several roles of one type
  bool verify_every_message = false;
};

struct ServiceState {
  // With the built-in policy.
  ServiceState(boost::asio::any_io_executor executor_, TokenService& tokens_);

  boost::asio::any_io_executor executor;
  TokenService& tokens;
  std::filesystem::path state_directory, socket;
  std::string started;  // RFC 3339
  ServiceSettings settings;
  LoadedPolicyPtr policy;          // never null; a handler takes its own copy before it waits for anything
  std::unique_ptr<Ledger> ledger;  // null: not initialised, or not usable (then ledger_fault says why)
  std::optional<Error> ledger_fault;
  std::function<void(Ledger*)> on_ledger;    // told when CreateLedger made one
  Checkpointer* checkpoints = nullptr;       // null: no checkpoints are signed
  std::function<std::size_t()> connections;  // how many clients are connected
  KeyBook keys;
  MetadataCache metadata;
  ApprovalWatch approval_watch{executor};  // told of every approval and denial
  std::set<std::string> names_in_use;      // of keys that are being generated or enrolled right now
};

// NotInitialised ("signet init") or LedgerUnavailable.
Result<Ledger*> require_ledger(const ServiceState& state);

// How this agent opens and creates its ledger.
LedgerOptions ledger_options(const ServiceState& state);
// Holds a ledger that was opened or made against what lies outside it, and has checkpoints signed from now
// on.
boost::asio::awaitable<Result<void>> attach_checkpoints(ServiceState& state, Ledger& ledger);

Requester requester(const Peer& peer);

// RFC 3339 in UTC, whole seconds.
std::string time_text(std::chrono::sys_seconds time);
std::chrono::sys_seconds now_seconds();

}  // namespace signet
