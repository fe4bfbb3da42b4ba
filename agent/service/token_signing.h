// From a scheme and an enrolled key to what the token service is asked.
#pragma once

#include "agent/ledger/ledger.h"
#include "agent/tokens/token_service.h"
#include "protocol/signature.h"

namespace signet {

TokenMechanism token_mechanism(SignatureScheme scheme);
KeyLocation key_location(const LedgerKey& enrolled, const PublicKey& key);
// KeyRefused(wrong-signature): the token answered with a signature that the enrolled public key does not
// verify.
Error wrong_signature(const LedgerKey& key);

}  // namespace signet
