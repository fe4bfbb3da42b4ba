// Which enrolled keys sign, of those that may: a pure decision.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/ledger/ledger_types.h"
#include "agent/signing/signing_rule.h"
#include "protocol/result.h"

namespace signet {

struct Signer {
  LedgerKey enrolled;
  std::string keyid;
  PublicKey key;
};

struct AbsentSigner {
  std::string keyid;
  std::string hint;  // for people
};

struct SignerSelection {
  std::vector<Signer> signers;  // at least one
  std::vector<AbsentSigner>
      absent;  // keys of the role that nobody asked to leave out and that cannot sign here
};

// Gives the enrolled key of a fingerprint, or nothing.
using FindEnrolled = std::function<const LedgerKey*(const std::string& fingerprint)>;
// Gives the enrolled key of a name, fingerprint or key id, or nothing.
using FindNamed = std::function<const LedgerKey*(const std::string& name)>;

// `requested` empty: every enrolled key of the role. Errors: NotFound (a requested key is not enrolled; or no
// key of the role is), KeyRefused (why: not-in-role, retired, use-excluded).
Result<SignerSelection> select_signers(const SigningDecision& decision, const std::string& role,
                                       const std::vector<std::string>& requested,
                                       const FindEnrolled& enrolled, const FindNamed& named);

}  // namespace signet
