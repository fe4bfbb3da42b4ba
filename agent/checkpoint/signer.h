// The checkpoint signer's one rule: it signs checkpoints of its own log alone, and none that does not go on
// from the newest that it signed before (C2SP tlog-checkpoint: "MUST not sign any checkpoint which is
// inconsistent").
#pragma once

#include <string>

#include "agent/checkpoint/signer_protocol.h"
#include "agent/checkpoint/signer_store.h"
#include "protocol/result.h"
#include "protocol/signed_note.h"

namespace signet {

// Pure. LedgerUnavailable, why one of: signer-request (no checkpoint as format_checkpoint() writes it),
// signer-origin, signer-older (fewer records than signed before), signer-inconsistent (other records).
Result<Checkpoint> may_sign(const SignerRequest& request, const std::string& origin,
                            const std::optional<Checkpoint>& newest);

// Not thread safe.
class Signer {
 public:
  // FileFault; also for a directory whose checkpoints have another origin.
  static Result<Signer> open(const std::filesystem::path& directory, std::string origin);

  SignerGreeting greeting() const;
  // The signed note. What was signed is durable before it is returned.
  Result<std::string> sign(const SignerRequest& request);

 private:
  Signer(SignerStore store, NoteKey name) : store_(std::move(store)), name_(std::move(name)) {}
  SignerStore store_;
  NoteKey name_;  // the origin and the public key
};

}  // namespace signet
