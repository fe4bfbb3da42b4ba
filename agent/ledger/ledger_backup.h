// Copies of a ledger: taken while the agent runs, put back while it does not.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "protocol/result.h"

namespace signet {

struct BackupFacts {
  std::string ledger;        // its id
  std::int64_t records = 0;  // in the copy
  std::int64_t bytes = 0;
};

// Copies DIRECTORY/ledger.db, as it is at one moment, to `file` (absolute): mode 0600, checked, synced, and
// there whole or not at all. What is there already is never replaced: AlreadyExists. FileFault for a place
// that cannot be written; LedgerUnavailable where the ledger cannot be read or is not sound.
// Blocks; from any thread, on a connection of its own: the agent's writer goes on meanwhile.
Result<BackupFacts> back_up_ledger(const std::filesystem::path& directory, const std::filesystem::path& file);

struct RestoreFacts {
  std::string ledger;
  std::int64_t records = 0;
  std::filesystem::path replaced;  // where the ledger that was there lies now; empty: there was none
};

// Puts a backup in the place of DIRECTORY's ledger. The caller holds the directory (StateDirectory): no agent
// runs. The backup is copied, checked and migrated beside the ledger first; the ledger that it replaces, with
// its log, is moved aside and kept. The restored ledger is quarantined: no role signs before it was observed.
// After a crash in the middle nothing signs, and restoring again ends it. Errors as above; a backup that is
// not sound changes nothing.
Result<RestoreFacts> restore_ledger(const std::filesystem::path& directory,
                                    const std::filesystem::path& backup);

}  // namespace signet
