// A proof file (C2SP tlog-proof): that a record is in a signed checkpoint. Made from the agent's answer,
// checked offline. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/signet.h"
#include "protocol/checkpoint.h"
#include "protocol/record_statement.h"
#include "protocol/result.h"

namespace signet::client {

// The file's text. ConnectionFailed (why malformed) for an answer that is no proof; what does not verify is
// refused too, with why "proof": it must not get as far as a file.
Result<std::string> proof_file(const RecordProofInfo& info);

struct CheckedProof {
  TlogProof proof;
  Checkpoint checkpoint;
  RecordStatement statement;
  bool signature_checked = false;
};
// MetadataInvalid for a malformed file; else NotVerified's exit is the caller's: `why_not` says what does not
// verify (proof, record-out-of-place, checkpoint-not-signed, checkpoint-forged, digest-differs).
struct ProofVerdict {
  CheckedProof checked;
  std::string why_not;  // empty: it verifies
};
// digest: SHA-256 in hex of what the record must be about; nothing: anything.
Result<ProofVerdict> check_proof_file(std::string_view text, const std::optional<NoteKey>& key,
                                      const std::optional<std::string>& digest);

}  // namespace signet::client
