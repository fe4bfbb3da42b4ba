// What a token's security officer does: the PIN goes with the request (host_frame.h's so_pin), once, and has
// a budget of its own. Internal to what changes tokens.
#pragma once

#include <optional>
#include <string_view>

#include "agent/tokens/admin_process.h"
#include "agent/tokens/token_registry.h"

namespace signet {

// The request with the officer's PIN in it, of which `so_pin` is a copy. The attempt is written down before,
// its outcome after. An error: the budget let nothing be sent, or could not note what became of it.
boost::asio::awaitable<Result<HostAnswer>> ask_as_officer(AdminHost& admin, const AdminTask& task,
                                                          const host::SlotDescription& slot,
                                                          const host::Request& request, Secret so_pin,
                                                          CallLimit limit);

// Before the officer comes, while the token is drained: a card forgets the user's PIN when the officer has
// gone. Better now, and said. Nothing to do for what is no card.
boost::asio::awaitable<Result<void>> lock_for_officer(const TokenRegistry::Found& found,
                                                      std::shared_ptr<HostedToken> hosted, std::string what);

// What people are told where the officer's login is what failed: PinRefused, or InvalidParameter (soPin) if
// it was not even compared. `nothing_done` is a sentence, `own_tool` what else can be done. Nothing:
// something else failed. Pure.
std::optional<Error> officer_login_error(const HostAnswer& answer, const FaultContext& about,
                                         std::string_view nothing_done, std::string_view own_tool);

// ykcs11 lets nobody but the holder of the management key change what is on a YubiKey (measured on 2.2.0):
// nobody's PIN is sent in vain. Pure.
bool is_ykcs11(const TokenDescription& token);

}  // namespace signet
