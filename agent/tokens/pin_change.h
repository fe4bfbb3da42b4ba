// New PINs: by the old one, and by who may unblock. Each value goes to the token once, within the PIN budget.
// The caller sees to it that nobody uses the token meanwhile.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "agent/tokens/admin_host.h"

namespace signet {

// C_SetPIN in an admin host. Both lengths are checked before the token is asked (InvalidParameter "oldPin",
// "newPin"). PinRefused, TokenAbsent, TokenFault, InvalidParameter.
boost::asio::awaitable<Result<void>> change_pin(AdminTask task, Secret old_pin, Secret new_pin);

// Of a PIV card by its PUK, beside the module (no module of PIV cards offers it, measured); of other tokens
// by C_InitPIN, as the security officer. `officer` is the PUK or the security officer's PIN; each has a
// budget of its own. What was tried of the user's PIN is forgotten. Errors as above, of the parameter
// "soPin".
boost::asio::awaitable<Result<void>> unblock_pin(AdminTask task, Secret officer, Secret new_pin);

}  // namespace signet
