// What changes PINs: initialising a token and its user PIN, and setting a new one. Admin mode only.
#pragma once

#include "pkcs11/fault.h"
#include "pkcs11/module.h"
#include "pkcs11/session.h"

namespace signet::host {

// Both check first that the slot holds the expected token (FaultKind::TokenAbsent), and send each PIN once.
HostResult<InitTokenReply> init_token(Module& module, const InitTokenRequest& request);
HostResult<InitPinReply> init_pin(Module& module, const InitPinRequest& request);
// C_SetPIN in a read-write session to which nobody is logged in: the user's PIN, for everybody else's too.
HostResult<SetPinReply> set_pin(const Session& session, const SetPinRequest& request);

}  // namespace signet::host
