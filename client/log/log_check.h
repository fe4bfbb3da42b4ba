// Checks an exported log offline: everything in it against everything else, and against what was exported
// before.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/log/tile_directory.h"
#include "protocol/signed_note.h"

namespace signet::client {

// name is one of
//   checkpoint-missing, checkpoint-malformed, checkpoint-not-signed (no signature by the key),
//   checkpoint-forged bundle-missing, bundle-malformed, tile-missing, tile-changed, root-differs
//   record-changed, record-missing, record-out-of-place, statement-malformed, statement-not-canonical
//   old-unreadable, other-log, shorter-than-old, not-consistent
//   and, warnings alone: time-backwards, signature-unchecked (no key was given)
struct LogFinding {
  std::string name;
  std::int64_t sequence = 0;  // of the record; 0: of the whole
  std::string message;
  bool warning = false;
};
inline constexpr std::size_t kMaxLogFindings = 100;

struct LogCheckOptions {
  std::optional<NoteKey> key;
  std::optional<std::filesystem::path> against;  // an older export, or a checkpoint's file
};

struct LogReport {
  std::optional<Checkpoint> checkpoint;
  bool signature_checked = false;
  std::vector<LogFinding> findings;
  bool good() const;  // warnings do not count
};
LogReport check_log(const TileDirectory& directory, const LogCheckOptions& options);

}  // namespace signet::client
