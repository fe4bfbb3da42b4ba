// The ledger's file: DIRECTORY/ledger.db (0600), with SQLite's ledger.db-wal and ledger.db-shm beside it
// while it is open.
#pragma once

#include <filesystem>

#include "protocol/result.h"

namespace signet {

std::filesystem::path ledger_file(const std::filesystem::path& directory);
// Where a new ledger is made; publish_ledger() gives it its name when it is complete.
std::filesystem::path unfinished_ledger_file(const std::filesystem::path& directory);

// Where a backup is made ready; there is one while it is, and after a restore that was cut short.
std::filesystem::path restoring_directory(const std::filesystem::path& directory);

// NotInitialised without a ledger; LedgerUnavailable (why permissions, corrupt or io) for one that others may
// touch, for something else of that name, and for a write-ahead log without its database.
Result<void> check_ledger_file(const std::filesystem::path& directory);
// AlreadyExists if there is a ledger or what is left of one. Else makes an empty unfinished file; what a
// crash left of an earlier attempt is removed.
Result<void> start_ledger_file(const std::filesystem::path& directory);
// What a crash left of a ledger that was being made. No fault: it is looked for again.
void remove_unfinished_ledger(const std::filesystem::path& directory);
// Durable when it returns; AlreadyExists rather than replacing a ledger.
Result<void> publish_ledger(const std::filesystem::path& directory);

}  // namespace signet
