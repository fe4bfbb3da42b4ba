// What becomes of a ledger that was found to be older than, or other than, an anchor that lies outside it: it
// has forgotten what was signed since. No role signs again before it was observed; see docs/ledger.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ledger/database.h"
#include "agent/ledger/mark_table.h"
#include "agent/ledger/records.h"

namespace signet {

// why: one of rollback (the ledger is shorter than the anchor), other-log (it holds other records, or another
// log's checkpoint), restored (from a backup), anchor-missing, anchor-unreadable, anchor-tampered.
struct QuarantineCause {
  std::string why;
  std::string anchor;   // which one, and what it holds: a line for people
  std::string message;  // a sentence
};

struct Quarantine {
  std::int64_t id = 0;
  std::string since;  // RFC 3339
  std::string why, anchor;
};

// Not thread safe. Runs inside the store's transaction.
class QuarantineTable {
 public:
  QuarantineTable(Database& database, RecordLog& records, MarkTable& marks)
      : database_(database), records_(records), marks_(marks) {}

  // Recorded (ledger.quarantine). Every role is quarantined anew.
  Result<void> begin(const QuarantineCause& cause);
  // Of those that last the one that began last; nothing in a sound ledger. Several can last: an anchor that
  // cannot be read does not end what a rollback began.
  std::optional<Quarantine> present();
  // Whether the role may sign: it was cleared since the beginning of every quarantine that lasts. `role` 0:
  // one that the ledger has never seen.
  bool allows(std::int64_t role);
  // The role was observed.
  void clear(std::int64_t role);
  // A person says that the role, or with neither name the whole ledger, has nothing to observe. Recorded
  // (ledger.clear-quarantine). NotFound; InvalidParameter without a quarantine or with one name alone.
  Result<void> clear_by_hand(const std::string& repository, const std::string& role,
                             const std::string& reason, const Requester& who);
  // All anchors can be asked again, and agree: ends what began because one could not (quarantine_rules.h),
  // and nothing else. Recorded (ledger.clear-quarantine) if there was any.
  Result<void> end_unasked(const std::string& reason);

 private:
  std::vector<Quarantine> lasting();  // in the order in which they began

  Database& database_;
  RecordLog& records_;
  MarkTable& marks_;
};

// LedgerUnavailable, why "quarantined": what reserve() says of a role that may not sign.
Error quarantined(const Quarantine& quarantine, std::string_view repository, std::string_view role);

}  // namespace signet
