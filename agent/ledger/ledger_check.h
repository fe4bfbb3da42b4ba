// Whether the database still holds what was written: every record against its hashes, every hash against
// those below it, all of it against the last signed checkpoint. What a person with an editor for SQLite
// leaves shows here, unless everything was made anew; then only what lies outside shows it (anchors,
// exports).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/ledger/database.h"
#include "agent/ledger/tree_table.h"
#include "protocol/record_statement.h"

namespace signet {

// name is one of: record-missing, record-changed, record-out-of-place, record-columns-differ, detail-changed,
// records-truncated, statement-malformed, statement-not-canonical, tree-changed, tree-truncated,
// ledger-truncated, checkpoint-differs, checkpoint-malformed; and time-backwards, which is a warning alone:
// clocks are set.
struct LedgerFinding {
  std::string name;
  std::int64_t sequence = 0;  // of the record; 0: of the whole
  std::string message;        // a sentence
  bool warning = false;
};
inline constexpr std::size_t kMaxLedgerFindings = 100;

// In steps, so that a large ledger can be checked while it is used. Not thread safe; faults of the disk are
// the database's.
class LedgerCheck {
 public:
  explicit LedgerCheck(Database& database) : database_(database), tree_(database) {}

  // Checks records from `first` on, at most `limit`. Returns where to go on; nothing after the last record,
  // when the whole was checked too.
  std::optional<std::int64_t> step(std::int64_t first, std::int64_t limit,
                                   std::vector<LedgerFinding>& findings);

 private:
  struct Row {
    std::int64_t sequence = 0;
    std::string time, kind, statement, detail_hash, detail;
    Bytes salt;
  };
  void check_row(const Row& row, const std::string& time_before, std::vector<LedgerFinding>& findings);
  void check_nodes(const Row& row, std::vector<LedgerFinding>& findings);
  void check_whole(std::int64_t records, std::vector<LedgerFinding>& findings);
  void check_checkpoint(std::int64_t records, std::vector<LedgerFinding>& findings);

  Database& database_;
  TreeTable tree_;
};

// All of it. LedgerUnavailable (why tampered, with the first finding's sentence) for anything but warnings.
Result<void> check_untampered(Database& database);

}  // namespace signet
