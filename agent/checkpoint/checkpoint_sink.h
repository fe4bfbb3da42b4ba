// Where new checkpoints are pushed to: people and programs that watch the log.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "protocol/result.h"

namespace signet {

// Called on a thread of its own (outside_calls.h), one call at a time; may block, and may hang. A fault is
// counted and logged, and the next checkpoint is tried again.
class CheckpointSink {
 public:
  virtual ~CheckpointSink() = default;
  virtual std::string name() const = 0;
  // note: the whole signed note, text and signature lines.
  virtual Result<void> push(const std::string& note) = 0;
};

// Replaces the file as a whole; readable by everybody (0644).
std::unique_ptr<CheckpointSink> file_sink(std::filesystem::path path);

// The sinks of the ledger's records (agent/sinks), behind `inlet`. They count and log their own faults.
std::unique_ptr<CheckpointSink> record_sinks(std::function<void(std::string)> inlet);

}  // namespace signet
