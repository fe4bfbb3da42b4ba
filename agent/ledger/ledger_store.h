// The ledger without its thread: the tables, joined by the transactions that they run in.
//
// Calls run in groups that share one COMMIT:
//   begin_group(writes);  run(…); run(…); …  commit_group();
// What run() returned is to be believed only after commit_group() returned success; its error takes all calls
// of the group with it. A call that breaks a constraint of the schema (a bug) is undone alone.
//
// Not thread safe: one thread at a time.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "agent/ledger/approval_table.h"
#include "agent/ledger/checkpoint_table.h"
#include "agent/ledger/database.h"
#include "agent/ledger/key_table.h"
#include "agent/ledger/ledger_check.h"
#include "agent/ledger/ledger_options.h"
#include "agent/ledger/ledger_types.h"
#include "agent/ledger/mark_table.h"
#include "agent/ledger/pin_table.h"
#include "agent/ledger/quarantine.h"
#include "agent/ledger/records.h"
#include "agent/ledger/replay_table.h"
#include "agent/ledger/repository_table.h"
#include "agent/ledger/reservations.h"
#include "agent/ledger/tree_table.h"
#include "agent/ledger/tree_types.h"

namespace signet {

class LedgerStore {
 public:
  // As Ledger::create() and Ledger::open().
  static Result<std::unique_ptr<LedgerStore>> create(const std::filesystem::path& directory,
                                                     const LedgerOptions& options);
  static Result<std::unique_ptr<LedgerStore>> open(const std::filesystem::path& directory,
                                                   const LedgerOptions& options);

  Result<void> begin_group(bool writes);
  // Runs `call` (a callable that returns a Result) as one call of the group.
  template <typename Call>
  auto run(bool writes, Call&& call) -> decltype(call()) {
    if (writes) begin_call();
    auto result = call();
    if (auto error = end_call(writes)) return std::move(*error);
    return result;
  }
  Result<void> commit_group();

  LedgerSummary summary();
  // As Ledger's.
  Result<TreeHead> tree_head();
  Result<std::optional<MerkleHash>> tree_root(std::int64_t size);
  Result<std::vector<MerkleHash>> consistency_proof(std::int64_t old_size, std::int64_t new_size);
  Result<RecordProof> record_proof(std::int64_t sequence, std::int64_t size);
  Result<void> begin_quarantine(const QuarantineCause& cause);
  // As Ledger's; what is observed or adopted leaves a quarantine.
  Result<void> adopt(const std::string& name, MetadataFormat format, const TrustedRoot& root,
                     const Requester& who);
  Result<std::vector<std::string>> observe(const std::string& repository, const ObservedMetadata& metadata,
                                           const std::vector<std::string>& restart_roles,
                                           const Requester& who);
  RecordLog& records() { return records_; }
  TreeTable& tree() { return tree_; }
  CheckpointTable& checkpoints() { return checkpoints_; }
  QuarantineTable& quarantine() { return quarantine_; }
  LedgerCheck& check() { return check_; }
  KeyTable& keys() { return keys_; }
  RepositoryTable& repositories() { return repositories_; }
  MarkTable& marks() { return marks_; }
  Reservations& reservations() { return reservations_; }
  PinTable& pins() { return pins_; }
  ReplayTable& replays() { return replays_; }
  ApprovalTable& approvals() { return approvals_; }
  // COMMITs that wrote, since the store was opened.
  std::int64_t commits() const { return commits_; }

 private:
  LedgerStore(const std::filesystem::path& file, const LedgerOptions& options);
  Result<void> prepare(std::string_view time);
  Result<void> close_crash_orphans();
  void begin_call();
  std::optional<Error> end_call(bool writes);
  Error abandon_group();

  Database database_;
  RecordLog records_;
  TreeTable tree_;
  CheckpointTable checkpoints_;
  LedgerCheck check_;
  KeyTable keys_;
  MarkTable marks_;
  QuarantineTable quarantine_;
  ApprovalTable approvals_;
  RepositoryTable repositories_;
  Reservations reservations_;
  PinTable pins_;
  ReplayTable replays_;
  std::optional<Error> damaged_;  // a damaged file is not used again until a restart has checked it
  bool group_writes_ = false;
  std::int64_t commits_ = 0;
};

}  // namespace signet
