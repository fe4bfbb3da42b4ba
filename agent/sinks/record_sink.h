// Where the ledger's records go besides the ledger: for people and programs that watch. Never needed to sign.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/ledger/ledger_types.h"
#include "protocol/result.h"

namespace signet {

// Used by one thread at a time, which may be blocked as long as the sink takes. Errors are FileFault: a
// sentence that says what is in the way.
class RecordSink {
 public:
  virtual ~RecordSink() = default;

  // Delivers the records in order. After an error some of them may have been delivered: all are given again,
  // so each arrives at least once.
  virtual Result<void> write(const std::string& ledger, const std::vector<RecordRow>& rows) = 0;
  // A signed note (C2SP), whole.
  virtual Result<void> write_checkpoint(const std::string& ledger, const std::string& note) = 0;
  // The newest record of this ledger that it holds; nothing where a sink cannot tell.
  virtual std::optional<std::int64_t> last(const std::string& ledger) {
    (void)ledger;
    return std::nullopt;
  }
};

// A line of JSON for each record, {"ledger":"ID","record":STATEMENT}, the statement byte for byte as the
// ledger has it; for a checkpoint {"checkpoint":"NOTE","ledger":"ID"}. The file is made with mode 0640,
// appended to, and opened again when another one lies at its path (logrotate's "create"). A line is there
// whole, or is cut off again.
std::unique_ptr<RecordSink> make_file_sink(std::filesystem::path path);

// The journal, with the fields SIGNET_LEDGER, SIGNET_SEQUENCE, SIGNET_KIND, SIGNET_TIME, SIGNET_UID,
// SIGNET_REPOSITORY, SIGNET_ROLE, SIGNET_OUTCOME, SIGNET_STATEMENT (where they are known) and
// SIGNET_CHECKPOINT.
std::unique_ptr<RecordSink> make_journald_sink();
inline constexpr const char* kRecordMessageId = "7a1c0f7a1f0e4a4c9d8e51f2c0a4b6d3";
inline constexpr const char* kCheckpointMessageId = "3b0f1f6b7f2f4a0aa6a5bb1f6d0c92e8";

// The local syslog's datagram socket (RFC 3164 as syslog(3) speaks it), facility authpriv. A statement that
// is too long for its daemons is left out; the line says so. A checkpoint's note is a JSON string.
std::unique_ptr<RecordSink> make_syslog_sink(std::filesystem::path socket = "/dev/log");
inline constexpr std::size_t kMaxSyslogLine = 7 * 1024;

}  // namespace signet
