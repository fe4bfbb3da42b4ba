// signetd --restore: puts a backup in the ledger's place, and ends.
#pragma once

#include <filesystem>

#include "agent/daemon.h"

namespace signet {

// Says on standard output what was done (json: as one JSON document), or on standard error what is in the
// way. Returns the exit status: 0, 1 (nothing was restored), 2 for a bad configuration.
int restore_from(const DaemonOptions& options, const std::filesystem::path& backup, bool json);

}  // namespace signet
