// What the method handlers share. Lives on the event loop; no locks, no other thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "agent/attestation/attestation_roots.h"
#include "agent/checkpoint/checkpointer.h"
#include "agent/identity/identification.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/ledger_options.h"
#include "agent/policy/policy_file.h"
#include "agent/service/approval_watch.h"
#include "agent/service/key_book.h"
#include "agent/service/message_recorder.h"
#include "agent/service/metadata_cache.h"
#include "agent/sinks/record_feed.h"
#include "agent/sinks/sink_pump.h"
#include "agent/tokens/token_service.h"
#include "agent/varlink/handler.h"
#include "agent/varlink/workbench.h"

namespace signet {

// What a person is asked by the agent itself, never through the caller's terminal.
struct Confirmation {
  std::string question;  // one line: what is to be done
  std::string details;   // lines: what changes; may be cut where there is no room
  std::string footer;    // who asks
};
// Waits for the person's answer. An error where nobody agreed: its message says whether the person refused,
// did not answer, or could not be asked.
using AskPerson = std::function<boost::asio::awaitable<Result<void>>(Confirmation)>;

// What SIGHUP may change.
struct ServiceSettings {
  bool verify_every_message = false;
  std::chrono::milliseconds message_record_delay{0};  // MessageRecorder::set_delay
  // Never null.
  std::shared_ptr<const AttestationRoots> attestation_roots =
      std::make_shared<AttestationRoots>(yubico_roots());
};

struct ServiceState {
  // With the built-in policy.
  ServiceState(boost::asio::any_io_executor executor_, TokenService& tokens_,
               JwksOwnership jwks = JwksOwnership::Own);

  // From now on the agent remembers.
  void use_ledger(std::unique_ptr<Ledger> opened);

  boost::asio::any_io_executor executor;
  TokenService& tokens;
  std::shared_ptr<RecordFeed> feed;  // of the ledger's records
  std::filesystem::path state_directory, socket;
  std::string started;  // RFC 3339
  ServiceSettings settings;
  LoadedPolicyPtr policy;  // never null; a handler takes its own copy before it waits for anything
  Identification identification;
  std::unique_ptr<ReplayStore> replay_store;  // on the ledger
  AskPerson ask_person;                       // null: there is no way to ask
  std::unique_ptr<Ledger> ledger;  // null: not initialised, or not usable (then ledger_fault says why)
  std::optional<Error> ledger_fault;
  std::function<void(Ledger*)> on_ledger;    // told when CreateLedger made one
  Checkpointer* checkpoints = nullptr;       // null: no checkpoints are signed
  std::function<std::size_t()> connections;  // how many clients are connected
  std::function<std::vector<SinkState>()> sinks;
  // Gone with the state: what waits on the loop looks for it before it uses the state again.
  std::shared_ptr<const bool> alive = std::make_shared<const bool>(true);
  KeyBook keys;
  MessageRecorder messages{executor};
  Workbench bench;  // where large metadata is parsed, hashed and compared
  MetadataCache metadata{bench};
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
