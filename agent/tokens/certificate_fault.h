// What people are told when a certificate could not be written to a token. Pure; thread safe.
#pragma once

#include "agent/tokens/token_fault.h"

namespace signet {

// `answer` is no reply. AlreadyExists (another one is there), InvalidParameter (soPin: only the security
// officer may write; certificate: the token takes no such one), PinRequired, PinRefused, TokenAbsent,
// TokenFault.
Error store_fault_error(const HostAnswer& answer, const FaultContext& about);

// InvalidParameter (soPin).
Error only_officer_writes(const std::string& token);

}  // namespace signet
