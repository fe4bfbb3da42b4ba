// One C_Login, with all that must happen around it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <variant>

#include "agent/tokens/host_process.h"
#include "agent/tokens/token_fault.h"
#include "agent/tokens/token_service.h"

namespace signet {

struct LoginContext {
  FaultContext about;
  std::string budget_id;  // pin_budget_id()
  std::shared_ptr<PinBudget> budget;
  CallLimit limit{std::chrono::milliseconds(0), std::chrono::milliseconds(0)};
};

// What a slot says of its token's user PIN, and whether its silence means anything: the flags of
// CK_TOKEN_INFO may always be clear. SoftHSM sets CKF_USER_PIN_COUNT_LOW after each wrong PIN (measured
// on 2.6.1); others are believed once they have set one.
PinState user_pin_state(const host::SlotDescription& slot);
PinState so_pin_state(const host::SlotDescription& slot);
bool tells_tries(const host::SlotDescription& slot);

// How the attempt ended, for the budget.
PinOutcome login_outcome(const HostAnswer& answer);

// Done: logged in. Else the error for the caller; `host_useless` if the host must be restarted first; `tried`
// unless it is certain that the token compared no PIN.
struct LoginDone {};
struct LoginFailed {
  explicit LoginFailed(Error error_in, bool host_useless_in = false, bool tried_in = false)
      : error(std::move(error_in)), host_useless(host_useless_in), tried(tried_in) {}
  Error error;
  bool host_useless, tried;
};
using LoginResult = std::variant<LoginDone, LoginFailed>;

// Asks the token for its flags, refuses a PIN of a length that it cannot have (InvalidParameter), writes the
// attempt down, sends the PIN once, writes the outcome down. Never sends a PIN twice: a failed attempt is
// final for this PIN and call. `connection` is bound to the token. Callers serialise the logins of one token.
boost::asio::awaitable<LoginResult> log_in(HostProcess& host, HostConnection& connection,
                                           LoginContext context, Secret pin);

}  // namespace signet
