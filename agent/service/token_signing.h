// From a scheme and an enrolled key to what the token service is asked.
#pragma once

#include <chrono>

#include "agent/ledger/ledger.h"
#include "agent/tokens/token_service.h"
#include "agent/varlink/handler.h"
#include "protocol/signature.h"

namespace signet {

TokenMechanism token_mechanism(SignatureScheme scheme);
KeyLocation key_location(const LedgerKey& enrolled, const PublicKey& key);
KeyPlace key_place(const LedgerKeyLocation& location);
// So long a call with "more" waits for its token and its PIN.
inline constexpr std::chrono::minutes kTokenPatience(2);
// A call without "more" waits for nobody. With it, what it waits for is sent as "event" in a reply whose
// other fields are those of `empty` (null).
Waiting waiting_for(const Peer& client, EventSink& events, boost::json::object empty);
// KeyRefused(wrong-signature): the token answered with a signature that the enrolled public key does not
// verify.
Error wrong_signature(const LedgerKey& key, const KeyPlace& place);

}  // namespace signet
