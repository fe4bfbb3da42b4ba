#include "client/command/proof_output.h"

#include "client/file_io.h"
#include "client/log/record_proof.h"

namespace signet::client {

Result<std::string> write_proof(Session& session, std::int64_t sequence, const std::string& file) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  const auto answer = (*agent)->read_proof(sequence);
  if (!answer) return answer.error();
  auto text = proof_file(*answer);
  if (!text || file == "-") return text;
  if (auto written = write_file(file, *text, Existing::Replace); !written) return written.error();
  return text;
}

Result<void> write_signature_proof(Session& session, const std::optional<std::int64_t>& record,
                                   const std::string& file) {
  Error error{ErrorName::NotFound, "The agent did not say which record it wrote."};
  if (record) {
    const auto written = write_proof(session, *record, file);
    if (written) return {};
    error = written.error();
    error.message +=
        " Ask for it again: signet ledger proof " + std::to_string(*record) + " --output " + file + ".";
  }
  error.message = "The signature was made, but its proof was not written: " + error.message;
  return error;
}

}  // namespace signet::client
