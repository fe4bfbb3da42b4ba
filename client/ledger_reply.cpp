// Replies about the agent and its ledger.
#include "client/connection.h"
#include "client/field_reader.h"
#include "client/reply.h"

namespace signet::client {
namespace {

using boost::json::object;

Result<LedgerInfo> read_ledger(const object& json) {
  FieldReader reader(json, "ledger");
  LedgerInfo ledger;
  ledger.id = reader.text("id");
  ledger.records = reader.number("records");
  ledger.commits = reader.optional_number("commits");
  return reader.finish(std::move(ledger));
}

Result<CheckpointInfo> read_checkpoint_info(const object& json) {
  FieldReader reader(json, "checkpoint");
  CheckpointInfo info;
  info.origin = reader.text("origin");
  info.verifier_key = reader.optional_text("verifierKey");
  info.size = reader.number("size");
  info.fault = reader.optional_text("fault");
  info.failed_writes = reader.number("failedWrites");
  return reader.finish(std::move(info));
}

Result<QuarantineInfo> read_quarantine(const object& json) {
  FieldReader reader(json, "quarantine");
  QuarantineInfo info;
  info.since = reader.text("since");
  info.why = reader.text("why");
  info.anchor = reader.text("anchor");
  return reader.finish(std::move(info));
}

Result<LedgerFindingInfo> read_finding(const object& json) {
  FieldReader reader(json, "finding");
  LedgerFindingInfo finding;
  finding.name = reader.text("name");
  finding.sequence = reader.number("sequence");
  finding.warning = reader.flag("warning");
  finding.message = reader.text("message");
  return reader.finish(std::move(finding));
}

Result<SinkInfo> read_sink(const object& json) {
  FieldReader reader(json, "sink");
  SinkInfo sink;
  sink.name = reader.text("name");
  sink.kind = reader.text("kind");
  sink.state = reader.text("state");
  sink.position = reader.number("position");
  sink.lag = reader.number("lag");
  sink.failures = reader.number("failures");
  sink.last_error = reader.optional_text("lastError");
  return reader.finish(std::move(sink));
}

Result<ModuleInfo> read_module(const object& json) {
  FieldReader reader(json, "module");
  ModuleInfo module;
  module.name = reader.text("name");
  module.path = reader.text("path");
  module.state = reader.text("state");
  module.why = reader.optional_text("why");
  return reader.finish(std::move(module));
}

Result<LedgerRecordInfo> read_record(const object& json) {
  FieldReader reader(json, "record");
  LedgerRecordInfo record;
  record.sequence = reader.number("sequence");
  record.time = reader.text("time");
  record.statement = reader.text("statement");
  return reader.finish(std::move(record));
}

Result<RecordDetailInfo> read_record_detail(const object& json) {
  FieldReader reader(json, "detail");
  RecordDetailInfo detail;
  detail.detail = reader.text("detail");
  auto salt = from_base64(reader.text("salt"));
  if (!salt)
    return connection_error("malformed",
                            "The agent's salt is not base64. Check that signet and signetd fit.");
  detail.salt = std::move(*salt);
  return reader.finish(std::move(detail));
}

}  // namespace

Result<AgentStatus> read_status(const object& parameters) {
  FieldReader reader(parameters, "status");
  AgentStatus status;
  status.version = reader.text("version");
  status.pid = reader.number("pid");
  status.started = reader.text("started");
  status.socket = reader.text("socket");
  status.state = reader.text("state");
  if (reader.optional_object("ledger")) status.ledger = reader.nested("ledger", read_ledger);
  status.ledger_fault = reader.optional_text("ledgerFault");
  status.modules = reader.list("modules", read_module);
  status.connections = reader.number("connections");
  if (reader.optional_object("checkpoint"))
    status.checkpoint = reader.nested("checkpoint", read_checkpoint_info);
  if (reader.optional_object("quarantine")) status.quarantine = reader.nested("quarantine", read_quarantine);
  // An older agent has none to tell of.
  if (parameters.contains("sinks")) status.sinks = reader.list("sinks", read_sink);
  return reader.finish(std::move(status));
}

Result<SignedCheckpointInfo> read_checkpoint_reply(const object& parameters) {
  FieldReader reader(parameters, "reply");
  SignedCheckpointInfo info;
  info.checkpoint = reader.optional_text("checkpoint");
  info.verifier_key = reader.optional_text("verifierKey");
  info.origin = reader.text("origin");
  info.fault = reader.optional_text("fault");
  return reader.finish(std::move(info));
}

Result<RecordProofInfo> read_proof_reply(const object& parameters) {
  FieldReader reader(parameters, "reply");
  RecordProofInfo info;
  info.statement = reader.text("statement");
  info.index = reader.number("index");
  info.proof = reader.texts("proof");
  info.checkpoint = reader.text("checkpoint");
  return reader.finish(std::move(info));
}

Result<LedgerCheckInfo> read_ledger_check(const object& parameters) {
  FieldReader reader(parameters, "reply");
  LedgerCheckInfo info;
  info.findings = reader.list("findings", read_finding);
  info.next = reader.optional_number("next");
  return reader.finish(std::move(info));
}

Result<RecordPageInfo> read_record_page(const object& parameters) {
  FieldReader reader(parameters, "reply");
  RecordPageInfo page;
  page.records = reader.list("records", read_record);
  page.next = reader.optional_number("next");
  return reader.finish(std::move(page));
}

Result<BackupInfo> read_backup(const object& parameters) {
  FieldReader reader(parameters, "reply");
  BackupInfo backup;
  backup.file = reader.text("file");
  backup.ledger = reader.text("ledger");
  backup.records = reader.number("records");
  backup.bytes = reader.number("bytes");
  return reader.finish(std::move(backup));
}

Result<RecordDetails> read_record_details(const object& parameters) {
  FieldReader reader(parameters, "reply");
  RecordDetails details;
  details.record = reader.nested("record", read_record);
  if (reader.optional_object("partner")) details.partner = reader.nested("partner", read_record);
  if (reader.optional_object("detail")) details.detail = reader.nested("detail", read_record_detail);
  return reader.finish(std::move(details));
}

Result<LedgerInfo> read_ledger_reply(const object& parameters) {
  return only(parameters, "ledger", read_ledger);
}

Result<std::vector<LedgerRecordInfo>> read_records(const object& parameters) {
  return only_list(parameters, "records", read_record);
}

}  // namespace signet::client
