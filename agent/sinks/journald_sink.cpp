#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

// What is sent is not where it was called from.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include <cstring>

#include "agent/sinks/record_sink.h"
#include "protocol/ledger_record.h"

namespace signet {
namespace {

// libsystemd says nothing where there is no journal.
constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

using Fields = std::vector<std::string>;

void add(Fields& fields, const char* name, const std::string& value) {
  if (!value.empty()) fields.push_back(std::string(name) + "=" + value);
}

Result<void> send(const Fields& fields) {
  if (::access(kJournalSocket, F_OK) != 0)
    return Error{ErrorName::FileFault, std::string("There is no journal here: ") + kJournalSocket +
                                           " is missing. Is systemd-journald running?"};
  std::vector<iovec> vector;
  for (const std::string& field : fields) vector.push_back({const_cast<char*>(field.data()), field.size()});
  const int code = ::sd_journal_sendv(vector.data(), static_cast<int>(vector.size()));
  if (code >= 0) return {};
  return Error{ErrorName::FileFault,
               std::string("The journal does not take a record: ") + std::strerror(-code) + "."};
}

// What somebody should look at stands out: a supersede, signatures that were withheld, a ledger set back.
int priority(const RecordStatement& record) {
  const std::string outcome = record_outcome(record.body);
  if (record.kind == "ledger.quarantine") return LOG_CRIT;
  if (outcome == "withheld" || outcome == "unknown") return LOG_WARNING;
  return record.body.contains("supersedes") || record.body.contains("contradicts") ? LOG_WARNING : LOG_INFO;
}

Fields common(const std::string& ledger, const char* message_id, int priority, const std::string& message) {
  Fields fields;
  add(fields, "MESSAGE", message);
  add(fields, "MESSAGE_ID", message_id);
  add(fields, "PRIORITY", std::to_string(priority));
  add(fields, "SYSLOG_IDENTIFIER", "signetd");
  add(fields, "SIGNET_LEDGER", ledger);
  return fields;
}

Fields fields_of(const std::string& ledger, const RecordRow& row) {
  const auto record = parse_record_statement(row.statement);
  const std::string number = "record " + std::to_string(row.sequence) + ": ";
  Fields fields = record
                      ? common(ledger, kRecordMessageId, priority(*record), number + describe_record(*record))
                      : common(ledger, kRecordMessageId, LOG_WARNING, number + "(cannot be read)");
  add(fields, "SIGNET_SEQUENCE", std::to_string(row.sequence));
  add(fields, "SIGNET_TIME", row.time);
  add(fields, "SIGNET_STATEMENT", row.statement);
  if (!record) return fields;
  add(fields, "SIGNET_KIND", record->kind);
  add(fields, "SIGNET_UID", std::to_string(record->uid));
  add(fields, "SIGNET_REPOSITORY", record_repository(record->body));
  add(fields, "SIGNET_ROLE", record_role(record->body));
  add(fields, "SIGNET_OUTCOME", record_outcome(record->body));
  return fields;
}

class JournaldSink final : public RecordSink {
 public:
  Result<void> write(const std::string& ledger, const std::vector<RecordRow>& rows) override {
    for (const RecordRow& row : rows)
      if (auto sent = send(fields_of(ledger, row)); !sent) return sent;
    return {};
  }
  Result<void> write_checkpoint(const std::string& ledger, const std::string& note) override {
    Fields fields = common(ledger, kCheckpointMessageId, LOG_INFO, "a checkpoint of the ledger");
    add(fields, "SIGNET_CHECKPOINT", note);
    return send(fields);
  }
};

}  // namespace

std::unique_ptr<RecordSink> make_journald_sink() {
  return std::make_unique<JournaldSink>();
}

}  // namespace signet
