// The agent's replies, read into the structures of signet.h. Parsing only.
#pragma once

#include <boost/json/object.hpp>
#include <string_view>
#include <vector>

#include "client/signet.h"
#include "protocol/result.h"

namespace signet::client {

// Each reads "parameters" as the IDL declares them, or the member of that name. Unknown members are ignored,
// because the interface grows. ConnectionFailed (why "malformed") where a member is missing or of another
// type.
Result<AgentStatus> read_status(const boost::json::object& parameters);
Result<LedgerInfo> read_ledger_reply(const boost::json::object& parameters);
Result<TokenInfo> read_token_reply(const boost::json::object& parameters);
Result<std::vector<TokenInfo>> read_token_list(const boost::json::object& parameters);
Result<KeyInfo> read_key_reply(const boost::json::object& parameters);
Result<std::vector<KeyInfo>> read_key_list(const boost::json::object& parameters);
Result<AttestedKey> read_attested_key(const boost::json::object& parameters);
Result<KeyDetails> read_key_details(const boost::json::object& parameters);
Result<RepositoryInfo> read_repository_reply(const boost::json::object& parameters);
Result<std::vector<RepositoryInfo>> read_repository_list(const boost::json::object& parameters);
Result<Observation> read_observation(const boost::json::object& parameters);
Result<SignedMetadata> read_signed_metadata(const boost::json::object& parameters);
Result<MessageSignature> read_message_signature(const boost::json::object& parameters);
Result<IssuedCertificateInfo> read_issued_certificate(const boost::json::object& parameters);
Result<BatchSignatures> read_batch_signatures(const boost::json::object& parameters);
Result<std::vector<TokenCertificateInfo>> read_token_certificates(const boost::json::object& parameters);
Result<StoredCertificateInfo> read_stored_certificate(const boost::json::object& parameters);
Result<std::vector<LedgerRecordInfo>> read_records(const boost::json::object& parameters);
Result<SignedCheckpointInfo> read_checkpoint_reply(const boost::json::object& parameters);
Result<RecordProofInfo> read_proof_reply(const boost::json::object& parameters);
Result<LedgerCheckInfo> read_ledger_check(const boost::json::object& parameters);
Result<RecordPageInfo> read_record_page(const boost::json::object& parameters);
Result<RecordDetails> read_record_details(const boost::json::object& parameters);
Result<BackupInfo> read_backup(const boost::json::object& parameters);
Result<Event> read_event(const boost::json::object& parameters);

}  // namespace signet::client
