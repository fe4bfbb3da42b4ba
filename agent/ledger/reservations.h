// The life of a version: check, reserve, finish. Gathers the facts, lets version_rules decide, writes what
// follows.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/ledger/approval_table.h"
#include "agent/ledger/database.h"
#include "agent/ledger/in_flight.h"
#include "agent/ledger/ledger_types.h"
#include "agent/ledger/mark_table.h"
#include "agent/ledger/quarantine.h"
#include "agent/ledger/records.h"
#include "agent/ledger/release_times.h"
#include "agent/ledger/version_rules.h"

namespace signet {

// The outcome of any reservation fits a record: this many keys, and names of this size together.
inline constexpr std::size_t kMaxReservedKeys = 256;
inline constexpr std::size_t kMaxReservedNames = 4096;

// Contracts: ledger.h. Not thread safe. Runs inside the store's transaction and is told how that ended.
class Reservations {
 public:
  Reservations(Database& database, RecordLog& records, MarkTable& marks, QuarantineTable& quarantine,
               ApprovalTable& approvals)
      : database_(database),
        records_(records),
        marks_(marks),
        times_(database),
        quarantine_(quarantine),
        approvals_(approvals) {}

  Result<Reservation> check(const ReserveRequest& request);
  Result<Reservation> reserve(ReserveRequest request);
  Result<std::int64_t> other_versions(const std::string& repository, const std::string& role,
                                      std::int64_t version, std::chrono::seconds period);
  // The outcome's sequence.
  Result<std::int64_t> finish(std::int64_t id, const std::vector<KeyOutcome>& outcomes);

  // Writes an outcome for every intent that nobody will finish: a crash's, or one whose finish() could not be
  // written. Nothing of these left the agent. LedgerUnavailable, or nothing to do.
  Result<void> close_orphans(std::string_view why);
  bool has_orphans() const { return orphans_; }

  void committed() { in_flight_.committed(); }
  // One call of the transaction was undone: it may have been a finish().
  void call_undone() { orphans_ = true; }
  void rolled_back();

 private:
  struct Judgement {
    std::int64_t repository = 0;
    RoleRow role;
    Decision decision;
    VersionFacts facts;
  };

  std::int64_t other_versions(std::int64_t role, std::int64_t version, std::chrono::seconds period);
  std::optional<Error> too_fast(const ReserveRequest& request, std::int64_t role);
  Result<Judgement> judge(const ReserveRequest& request);
  Error refusal(const ReserveRequest& request, const Judgement& judgement);
  Error conflict(const ReserveRequest& request, const Judgement& judgement);
  Result<Reservation> accepted(const ReserveRequest& request, const Judgement& judgement);
  Error withhold(std::int64_t id, const ReserveRequest& request, Error why);
  Result<std::int64_t> close(std::int64_t id, const ReserveRequest& request, std::string_view result,
                             const std::vector<KeyOutcome>& outcomes, boost::json::object detail);
  void release(const ReserveRequest& request, const Judgement& judgement,
               const std::vector<KeyOutcome>& outcomes);

  Database& database_;
  RecordLog& records_;
  MarkTable& marks_;
  ReleaseTimes times_;
  QuarantineTable& quarantine_;
  ApprovalTable& approvals_;
  InFlight in_flight_;
  bool orphans_ = false;  // an intent may be open that nobody will finish
};

}  // namespace signet
