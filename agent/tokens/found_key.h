// Between the token host's words for keys and the agent's. Pure functions, thread safe.
#pragma once

#include "agent/tokens/token_service.h"
#include "agent/tokens/token_uri.h"
#include "pkcs11/host_frame.h"

namespace signet {

host::Algorithm to_host(KeyAlgorithm algorithm);
host::Mechanism to_host(TokenMechanism mechanism);
KeyAlgorithm from_host(host::Algorithm algorithm);

FoundKey to_found_key(const host::KeyObject& object, const TokenDescription& token);

// The one key among those that were found. NotFound (kind object) if there is none, InvalidParameter
// (parameter uri, with the candidates' ids and labels) if there are several.
Result<FoundKey> the_one_key(const host::FindObjectsReply& found, const TokenDescription& token,
                             const std::string& uri);

}  // namespace signet
