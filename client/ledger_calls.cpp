// libsignet's calls about the ledger.
#include <algorithm>

#include "client/agent_state.h"
#include "client/call_json.h"
#include "client/reply.h"

namespace signet::client {

using boost::json::object;

Result<std::vector<LedgerRecordInfo>> Agent::read_ledger(std::int64_t first, std::int64_t limit) {
  object parameters;
  parameters["first"] = first;
  parameters["limit"] = limit;
  return then(state_->plain("ReadLedger", parameters), read_records);
}

Result<SignedCheckpointInfo> Agent::read_checkpoint() {
  return then(state_->plain("ReadCheckpoint", {}), read_checkpoint_reply);
}

Result<RecordProofInfo> Agent::read_proof(std::int64_t sequence) {
  object parameters;
  parameters["sequence"] = sequence;
  return then(state_->plain("ReadProof", parameters), read_proof_reply);
}

Result<LedgerCheckInfo> Agent::check_ledger(std::int64_t first) {
  object parameters;
  parameters["first"] = first;
  return then(state_->plain("CheckLedger", parameters), read_ledger_check);
}

Result<void> Agent::clear_quarantine(const std::optional<std::string>& repository,
                                     const std::optional<std::string>& role, std::string_view reason) {
  object parameters;
  put_optional(parameters, "repository", repository);
  put_optional(parameters, "role", role);
  parameters["reason"] = json_view(reason);
  const auto reply = state_->plain("ClearQuarantine", parameters);
  if (!reply) return reply.error();
  return {};
}

Result<RecordPageInfo> Agent::list_records(const ListRecordsCall& call) {
  object parameters{
      {"filter", filter_json(call.filter)}, {"newestFirst", call.newest_first}, {"limit", call.limit}};
  if (call.after) parameters["after"] = *call.after;
  return then(state_->plain("ListRecords", parameters), read_record_page);
}

Result<RecordDetails> Agent::show_record(std::int64_t sequence, bool disclose) {
  const object parameters{{"sequence", sequence}, {"disclose", disclose}};
  return then(state_->plain("ShowRecord", parameters), read_record_details);
}

Result<BackupInfo> Agent::backup_ledger(std::string_view file) {
  object parameters;
  parameters["file"] = json_view(file);
  return then(state_->plain("BackupLedger", parameters, State::Wait::Token), read_backup);
}

Result<void> Agent::follow_ledger(const RecordFilterInfo& filter, std::optional<std::int64_t> after,
                                  const std::function<bool(const LedgerRecordInfo&)>& on_record) {
  object parameters{{"filter", filter_json(filter)}};
  if (after) parameters["after"] = *after;
  std::optional<Error> fault;
  const State::OnReply on_reply = [&](const object& reply) {
    const auto records = read_records(reply);
    if (!records) fault = records.error();
    if (fault) return false;
    return std::all_of(records->begin(), records->end(), on_record);
  };
  const auto last =
      state_->exchange(std::string(kInterface) + "FollowLedger", parameters, State::Wait::Forever, &on_reply);
  if (fault) return *fault;
  if (!last) return last.error();
  return {};
}

}  // namespace signet::client
