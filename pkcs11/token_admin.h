// What the security officer does: initialising a token and its user PIN. Admin mode only.
#pragma once

#include "pkcs11/fault.h"
#include "pkcs11/module.h"

namespace signet::host {

// Both check first that the slot holds the expected token (FaultKind::TokenAbsent), and send each PIN once.
HostResult<InitTokenReply> init_token(Module& module, const InitTokenRequest& request);
HostResult<InitPinReply> init_pin(Module& module, const InitPinRequest& request);

}  // namespace signet::host
