// What a token says of its PINs before one is sent. Pure decisions; thread safe.
#pragma once

#include "agent/tokens/token_service.h"
#include "pkcs11/host_frame.h"

namespace signet {

// What a slot says of its token's user PIN, and the security officer's.
PinState user_pin_state(const host::SlotDescription& slot);
PinTold so_told(const host::SlotDescription& slot);
// Whether its silence means anything: the flags of CK_TOKEN_INFO may always be clear. SoftHSM sets
// CKF_USER_PIN_COUNT_LOW after each wrong PIN (measured on 2.6.1); others are believed once they have set
// one.
bool tells_tries(const host::SlotDescription& slot);

// As the modules name PIV cards: OpenSC's PIV driver, and ykcs11, whose maker has other tokens too (YubiHSM).
bool is_piv(const host::SlotDescription& slot);
bool is_piv(const TokenDescription& token);

// By the flags alone.
PinTold told_by_flags(PinState state, bool tells);
// By a card's own count, which is better than the flags. `counted` is known.
PinTold told_by_count(const host::Tries& counted);

}  // namespace signet
