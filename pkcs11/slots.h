// Slots and the tokens in them: discovery, without sessions or logins.
#pragma once

#include <p11-kit/pkcs11.h>

#include <vector>

#include "pkcs11/fault.h"
#include "pkcs11/module.h"

namespace signet::host {

// All slots, in the module's order, with what their tokens say of themselves. A slot that does not answer is
// listed with its return code; only C_GetSlotList fails the whole.
HostResult<std::vector<SlotDescription>> list_slots(Module& module);
SlotDescription describe_slot(Module& module, CK_SLOT_ID slot);

// The slot that holds the token now. FaultKind::TokenAbsent, Ambiguous.
HostResult<SlotDescription> locate_token(Module& module, const TokenIdentity& token);
// The slot's description if it holds the token that is expected there; FaultKind::TokenAbsent otherwise.
HostResult<SlotDescription> expect_token(Module& module, CK_SLOT_ID slot, const TokenIdentity& token);

// A fixed-width Cryptoki text (blank padded, not terminated) without its padding. Some modules pad with NUL.
std::string trimmed(std::span<const unsigned char> padded);

}  // namespace signet::host
