// What the agent remembers: keys, repositories with their root chain, version marks, last payloads, PIN
// attempts, and the records. See docs/ledger.md for the file format and for every state that a crash can
// leave.
//
// One SQLite database per state directory, one writer thread. Every call below runs as one transaction on
// that thread (several calls share one COMMIT) and completes on the caller's executor after the COMMIT is
// durable: what a call returned is on disk. A COMMIT that fails makes every call in it fail with
// LedgerUnavailable.
#pragma once

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/ledger/approval_types.h"
#include "agent/ledger/ledger_types.h"
#include "agent/ledger/tree_types.h"
#include "protocol/bytes.h"
#include "protocol/metadata.h"
#include "protocol/result.h"

namespace signet {

class Ledger {
 public:
  // AlreadyExists, LedgerUnavailable. The directory exists and is locked by the caller
  // (agent/config/state_directory).
  static Result<std::unique_ptr<Ledger>> create(const std::filesystem::path& directory);
  // NotInitialised if there is none; LedgerUnavailable if it cannot be opened or is not sound.
  static Result<std::unique_ptr<Ledger>> open(const std::filesystem::path& directory);
  virtual ~Ledger() = default;

  virtual boost::asio::awaitable<Result<LedgerSummary>> summary() = 0;
  virtual boost::asio::awaitable<Result<std::vector<RecordRow>>> read(std::int64_t first,
                                                                      std::int64_t limit) = 0;

  // One step of a walk through the records that the filter lets through (record_index.h bounds a step).
  virtual boost::asio::awaitable<Result<RecordPage>> find_records(RecordFilter filter,
                                                                  RecordCursor cursor) = 0;
  // One record, its partner, and its private detail, which is for the agent's own user alone. NotFound.
  virtual boost::asio::awaitable<Result<RecordInFull>> record_in_full(std::int64_t sequence) = 0;

  // --- keys ---
  // AlreadyExists for a name or a public key that is enrolled (active). A retired public key may be enrolled
  // again, but never with uses that `tuf` has excluded for its life (KeyRefused, why use-excluded).
  virtual boost::asio::awaitable<Result<void>> add_key(LedgerKey key, Requester who) = 0;
  virtual boost::asio::awaitable<Result<std::vector<LedgerKey>>> keys() = 0;
  // By name, fingerprint, TUF or Notary key id. NotFound.
  virtual boost::asio::awaitable<Result<LedgerKey>> key(std::string name) = 0;
  virtual boost::asio::awaitable<Result<LedgerKey>> retire_key(std::string name, Requester who) = 0;
  // The key, found by its fingerprint, is on this token too; for a token that it is known to be on already:
  // its URI, evidence and share are these now. NotFound, KeyRefused (retired), LimitExceeded (key-locations).
  virtual boost::asio::awaitable<Result<LedgerKey>> add_key_location(std::string fingerprint,
                                                                     LedgerKeyLocation location,
                                                                     Requester who) = 0;
  // Forgets that it is on this token. Of the tokens that are left the eldest stands for the key. NotFound
  // (key, token), InvalidParameter: it is the only one.
  virtual boost::asio::awaitable<Result<LedgerKey>> remove_key_location(std::string fingerprint,
                                                                        std::string token_label,
                                                                        std::string token_serial,
                                                                        Requester who) = 0;
  // Every (repository, role) that the key has reserved or released a version of.
  virtual boost::asio::awaitable<Result<std::vector<std::pair<std::string, std::string>>>> key_roles(
      std::string fingerprint) = 0;

  // --- repositories ---
  virtual boost::asio::awaitable<Result<void>> create_repository(std::string name, MetadataFormat format,
                                                                 Requester who) = 0;
  virtual boost::asio::awaitable<Result<void>> adopt_repository(std::string name, MetadataFormat format,
                                                                TrustedRoot root, Requester who) = 0;
  virtual boost::asio::awaitable<Result<LedgerRepository>> repository(std::string name) = 0;
  virtual boost::asio::awaitable<Result<std::vector<LedgerRepository>>> repositories() = 0;
  // The newest released or observed mark of each role of the repository; the newest reserved one where there
  // is none.
  virtual boost::asio::awaitable<Result<std::vector<VersionMark>>> marks(std::string repository) = 0;
  // The newest observed metadata of a role; nothing if none was observed.
  virtual boost::asio::awaitable<Result<std::optional<ObservedMetadata>>> observed(std::string repository,
                                                                                   std::string role) = 0;
  // The newest payload of a role that this ledger released, while the role has not been restarted since;
  // nothing if there is none.
  virtual boost::asio::awaitable<Result<std::optional<ReleasedPayload>>> last_released(std::string repository,
                                                                                       std::string role) = 0;
  // Verified by the caller. Sets the mark to observed; for role "root" the trusted root advances (it must be
  // trusted
  // + 1, or version 1 of a created repository). restart_roles: roles whose keys this root replaced: their
  // marks start over. Returns warnings, e.g. that this ledger released other bytes for that version.
  virtual boost::asio::awaitable<Result<std::vector<std::string>>> observe(
      std::string repository, ObservedMetadata metadata, std::vector<std::string> restart_roles,
      Requester who) = 0;

  // --- versions ---
  // Decides by the marks alone (docs/ledger.md), writes the intent, and holds the version in flight until
  // finish(). VersionConflict, PolicyDenied (shared-key, or the rate's rule), Busy (other bytes for this
  // version are in flight), NotFound. An approval_request must be live, not denied and for this very
  // signature (RequestClosed, PolicyDenied), here, in check() and again in finish(), which marks it signed.
  // Whether enough persons approved is the caller's to count.
  virtual boost::asio::awaitable<Result<Reservation>> reserve(ReserveRequest request) = 0;
  // The same decisions, nothing written (dryRun).
  virtual boost::asio::awaitable<Result<Reservation>> check(ReserveRequest request) = 0;
  // Exactly once for each reserve(). With a signature among the outcomes the version is released (durable
  // before this completes: only then may a signature leave the agent); else the reservation may be replaced.
  // Returns the sequence of the outcome's record.
  virtual boost::asio::awaitable<Result<std::int64_t>> finish(std::int64_t reservation,
                                                              std::vector<KeyOutcome> outcomes) = 0;

  // How many other versions of the role were released in this time before now, or are in flight.
  virtual boost::asio::awaitable<Result<std::int64_t>> other_versions(std::string repository,
                                                                      std::string role, std::int64_t version,
                                                                      std::chrono::seconds period) = 0;

  // --- messages ---
  // A public statement with a salted hash of `detail`; returns its sequence when it is durable.
  virtual boost::asio::awaitable<Result<std::int64_t>> record(std::string kind, boost::json::object statement,
                                                              boost::json::object detail, Requester who) = 0;
  // The same for a record that nobody waits for: it goes to the disk with the next one that somebody does,
  // and at most LedgerOptions::patience (50 ms) later. A process that is killed before has not written it.
  virtual boost::asio::awaitable<Result<std::int64_t>> record_later(std::string kind,
                                                                    boost::json::object statement,
                                                                    boost::json::object detail,
                                                                    Requester who) = 0;

  // --- the tree over the records (tree_table.h), its checkpoints, and what lies outside ---
  virtual boost::asio::awaitable<Result<TreeHead>> tree_head() = 0;
  // Of the first `size` records; nothing if there are fewer.
  virtual boost::asio::awaitable<Result<std::optional<MerkleHash>>> tree_root(std::int64_t size) = 0;
  virtual boost::asio::awaitable<Result<std::vector<MerkleHash>>> consistency_proof(
      std::int64_t old_size, std::int64_t new_size) = 0;
  // That the record is in the tree of the first `size` records. NotFound.
  virtual boost::asio::awaitable<Result<RecordProof>> record_proof(std::int64_t sequence,
                                                                   std::int64_t size) = 0;
  virtual boost::asio::awaitable<Result<KeptCheckpoint>> checkpoint() = 0;
  virtual boost::asio::awaitable<Result<void>> keep_checkpoint(KeptCheckpoint checkpoint) = 0;
  virtual boost::asio::awaitable<Result<bool>> anchor_known(std::string name) = 0;
  virtual boost::asio::awaitable<Result<void>> note_anchor(std::string name) = 0;
  // One step of checking the whole ledger (ledger_check.h), from record `first` on.
  virtual boost::asio::awaitable<Result<LedgerCheckStep>> check_records(std::int64_t first,
                                                                        std::int64_t limit) = 0;

  // --- quarantine (quarantine.h) ---
  // Where history was lost, it also starts a new branch of the log: the old one's checkpoints are not this
  // ledger's any more.
  virtual boost::asio::awaitable<Result<void>> begin_quarantine(QuarantineCause cause) = 0;
  virtual boost::asio::awaitable<Result<std::optional<Quarantine>>> quarantine() = 0;
  virtual boost::asio::awaitable<Result<void>> clear_quarantine(std::string repository, std::string role,
                                                                std::string reason, Requester who) = 0;
  // Ends the quarantines whose cause was an anchor that could not be asked; one after a rollback lasts.
  virtual boost::asio::awaitable<Result<void>> end_unasked_quarantine(std::string reason) = 0;

  // --- approvals ---
  // The live request of this subject, whoever asked first, in whatever state (Denied too), or this one, made
  // now. LimitExceeded (see approval_types.h), InvalidParameter. Never with its payload.
  virtual boost::asio::awaitable<Result<ApprovalRequest>> open_request(NewApprovalRequest request,
                                                                       Requester who) = 0;
  // By its whole id. NotFound (kind request).
  virtual boost::asio::awaitable<Result<ApprovalRequest>> request(std::string id, bool with_payload) = 0;
  // The oldest first; live_only: without those that have expired.
  virtual boost::asio::awaitable<Result<std::vector<ApprovalRequest>>> requests(bool live_only) = 0;
  // The caller has established who approves; said again it changes nothing. NotFound, RequestClosed,
  // LimitExceeded.
  virtual boost::asio::awaitable<Result<ApprovalRequest>> approve_request(std::string id, Approval approval,
                                                                          Requester who) = 0;
  // One denial ends a request. NotFound, RequestClosed.
  virtual boost::asio::awaitable<Result<ApprovalRequest>> deny_request(std::string id, std::string principal,
                                                                       std::string why, Requester who) = 0;
  // Writes down which requests have expired; returns how many had not been yet.
  virtual boost::asio::awaitable<Result<std::int64_t>> expire_requests() = 0;

  // --- PIN attempts (durable; value: HMAC-SHA-256 of the PIN under the key in DIRECTORY/pin-budget.key) ---
  using PinAttempts = signet::PinAttempts;
  virtual boost::asio::awaitable<Result<PinAttempts>> pin_attempts(std::string token) = 0;
  virtual boost::asio::awaitable<Result<void>> begin_pin_attempt(std::string token, std::string value) = 0;
  virtual boost::asio::awaitable<Result<void>> end_pin_attempt(std::string token, bool accepted) = 0;
  virtual boost::asio::awaitable<Result<void>> reset_pin_attempts(std::string token, Requester who) = 0;

  // --- identity tokens ---
  // Whether the token may be used once more. A hint: only counting decides.
  virtual boost::asio::awaitable<Result<TokenUseVerdict>> check_token_use(TokenUse use) = 0;
  // Counts one use, if it is allowed, durably before this completes: whatever happens afterwards, the use is
  // gone. A token belongs to the uid of its first use.
  virtual boost::asio::awaitable<Result<TokenUseVerdict>> count_token_use(TokenUse use) = 0;
};

}  // namespace signet
