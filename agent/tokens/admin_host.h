// What changes a token: done in a host of its own that lives for the one task and takes the PIN with it. The
// caller sees to it that nobody uses the token meanwhile.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "agent/tokens/host_process.h"
#include "agent/tokens/token_login.h"
#include "agent/tokens/token_names.h"

namespace signet {

struct AdminTask {
  boost::asio::any_io_executor executor;
  HostLaunch launch;  // mode Admin
  std::shared_ptr<ModuleLoad> load;
  ListedToken token;
  LoginContext login;  // of the user's PIN; limit: login_limit
};

struct GeneratedKey {
  host::KeyObject key;
};

// Logs in and makes a key pair: sensitive, not extractable; destroyed again if the token made it otherwise.
// With request.so_pin the security officer makes it, in a PIV slot; `pin` is not used. When it completes
// then, the card has been reset. AlreadyExists, KeyRefused, MechanismUnsupported, PinRefused, TokenAbsent,
// TokenFault.
boost::asio::awaitable<Result<GeneratedKey>> generate_on_token(AdminTask task, host::GenerateRequest request,
                                                               Secret pin);

// Initialises (and erases) the token and sets the user's PIN. For a token that was initialised before, the
// security officer's PIN is counted like the user's. The slot as it is afterwards.
boost::asio::awaitable<Result<host::SlotDescription>> initialise_token(AdminTask task, std::string label,
                                                                       Secret so_pin, Secret pin);

}  // namespace signet
