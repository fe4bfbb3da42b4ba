// --proof FILE of the verbs that sign, and "signet ledger proof".
#pragma once

#include <cstdint>
#include <string>

#include "client/command/session.h"
#include "protocol/result.h"

namespace signet::client {

// Asks the agent for the record's proof, checks it, and writes it to the file ("-": writes nothing). Returns
// the file's text.
Result<std::string> write_proof(Session& session, std::int64_t sequence, const std::string& file);

// The same for a signature that was made: a fault says that the signature itself is good.
Result<void> write_signature_proof(Session& session, const std::optional<std::int64_t>& record,
                                   const std::string& file);

}  // namespace signet::client
