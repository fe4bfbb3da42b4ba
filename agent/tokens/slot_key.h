// Keys in a PIV card's slots: what can be said before one is made, and when none was. ykcs11 2.2.0 makes them
// for the holder of the management key (measured): an elliptic curve's or RSA-2048, never with a touch, with
// the slot's own PIN policy, and only where that key is a 3DES one. OpenSC makes none. Pure; thread safe.
#pragma once

#include <string>

#include "agent/tokens/token_fault.h"
#include "agent/tokens/token_service.h"
#include "pkcs11/host_frame.h"

namespace signet {

// Whether `request` is one that this token's module could serve, before the token is asked.
// MechanismUnsupported (no module makes such keys there), InvalidParameter (id: no slot; soPin: not with a
// PIN, or not for this token).
Result<void> check_slot_request(const TokenDescription& token, const GenerateRequest& request);

// By what the card says of slot `request.id`. MechanismUnsupported: not through the module; AlreadyExists:
// the slot has a key.
Result<void> judge_slot(const TokenDescription& token, const GenerateRequest& request,
                        const host::CardSlotReply& told);

// InvalidParameter (soPin), where the management key alone is missing.
Result<void> check_officer(const TokenDescription& token, const GenerateRequest& request);

// What a failed Generate with so_pin means for `id`'s slot. `answer` is no reply. AlreadyExists, KeyRefused,
// PinRefused, InvalidParameter (soPin), TokenAbsent, TokenFault.
Error slot_key_error(const HostAnswer& answer, const FaultContext& about, BytesView id);

}  // namespace signet
