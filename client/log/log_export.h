// Writes a log into a directory, or adds to one what is new: bundles of entries and tiles first, the
// checkpoint last, so that at any moment the checkpoint in the directory has all of its tiles.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "client/log/tile_directory.h"
#include "protocol/result.h"

namespace signet::client {

// Statements from sequence `first` (1 is the oldest), at least one, at most `limit`.
using StatementSource =
    std::function<Result<std::vector<std::string>>(std::int64_t first, std::int64_t limit)>;

struct ExportReport {
  std::uint64_t old_size = 0;  // that the directory had
  std::uint64_t size = 0;
  std::size_t files = 0;  // written
};

// note: the signed checkpoint to export up to. FileFault; VersionConflict-like refusals are LedgerUnavailable
// with why one of: export-other-log (the directory has another origin), export-newer (it has more records:
// the ledger was set back), export-differs (what the source gives is not what the checkpoint, or the
// directory, has).
Result<ExportReport> export_log(TileDirectory& directory, const std::string& note,
                                const StatementSource& source);

}  // namespace signet::client
