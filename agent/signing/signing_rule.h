// The signing rule: may these bytes be signed for this role, and by which keys? Pure decisions over parsed
// metadata: no I/O, no clock of its own, thread safe. What was signed before is the ledger's to decide
// (agent/ledger).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/metadata.h"
#include "protocol/result.h"

namespace signet {

// What the repository is known to be when somebody asks to sign. Borrowed pointers, valid during the call.
struct SigningContext {
  std::string repository;
  MetadataFormat format = MetadataFormat::Tuf;
  const Signed* trusted_root = nullptr;  // null: a created repository whose first root is to be signed
  std::string trusted_root_digest;       // SHA-256 of its canonical "signed", hex
  const Signed* delegator = nullptr;     // delegations only: the observed metadata that delegates to the role
  std::string delegator_role;            // its name, for messages
  const Signed* observed = nullptr;  // the newest observed metadata of the role itself, if any (not for root)
  std::chrono::sys_seconds now;
};

struct SigningAsk {
  std::string role;
  const Signed* candidate = nullptr;
  std::string digest;  // SHA-256 of the candidate's canonical bytes, hex
  bool accept_lower_threshold = false;
};

// A public key that may sign the candidate, under the key id that its signature will carry.
struct EligibleKey {
  std::string keyid;
  PublicKey key;
  // A root that drops this key from every role: the one thing that a retired key may still sign.
  bool being_removed = false;
};

struct SigningDecision {
  std::vector<EligibleKey> keys;  // distinct public keys
  std::vector<std::string> warnings;
  std::vector<std::string> lowered;  // "root: 3 -> 2", accepted by the caller: they go into the record
};

// MetadataInvalid (why: format, type, expired, root-version, no-root, no-delegator, not-delegated,
// no-known-key) or PolicyDenied (rule: lower-threshold).
Result<SigningDecision> decide_signing(const SigningContext& context, const SigningAsk& ask);

}  // namespace signet
