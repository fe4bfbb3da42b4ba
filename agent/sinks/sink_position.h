// How far a sink has come, across restarts: STATE/sink-NAME.position, "LEDGER SEQUENCE" and a line feed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "protocol/result.h"

namespace signet {

// Replaced as a whole, but not synced: after a power cut it may be older, and records are then delivered
// again.
class SinkPosition {
 public:
  SinkPosition(const std::filesystem::path& directory, const std::string& sink)
      : file_(directory / ("sink-" + sink + ".position")) {}

  // Nothing if there is none, or it is another ledger's.
  std::optional<std::int64_t> load(const std::string& ledger) const;
  Result<void> save(const std::string& ledger, std::int64_t sequence) const;

 private:
  std::filesystem::path file_;
};

}  // namespace signet
