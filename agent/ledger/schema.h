// The ledger's tables, and how a file gets from one schema version to the next. docs/ledger.md explains every
// table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "agent/ledger/database.h"

namespace signet {

// "Sgnt": PRAGMA application_id, so that file(1) and we know the file.
inline constexpr std::int64_t kLedgerApplicationId = 0x53676e74;

struct Migration {
  std::int64_t version;  // PRAGMA user_version afterwards
  const char* sql;
  void (*fill)(Database& database) = nullptr;  // what SQL cannot do; in the same transaction, after it
};

// From an empty file (version 0) to the present version, in order, without gaps.
std::span<const Migration> ledger_migrations();

// LedgerUnavailable (why not-a-ledger) for any file but a ledger: also for an empty one, which would forget
// everything.
Result<void> check_identity(Database& database);

// Applies, each in one transaction with its row in the table "migrations", what the file lacks.
// LedgerUnavailable (why newer-version) for a file that a newer program wrote: it is left as it is.
Result<void> migrate(Database& database, std::span<const Migration> migrations, std::string_view time);

// LedgerUnavailable (why corrupt) unless SQLite's own check, the foreign keys and the sequence of the records
// hold.
Result<void> check_soundness(Database& database);

}  // namespace signet
