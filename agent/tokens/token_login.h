// One C_Login, with all that must happen around it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "agent/tokens/card_host.h"
#include "agent/tokens/host_process.h"
#include "agent/tokens/pin_told.h"
#include "agent/tokens/token_fault.h"
#include "agent/tokens/token_service.h"

namespace signet {

struct LoginContext {
  FaultContext about;
  std::string budget_id;  // pin_budget_id()
  std::shared_ptr<PinBudget> budget;
  CallLimit limit{std::chrono::milliseconds(0), std::chrono::milliseconds(0)};
  PinGiver giver = PinGiver::Person;
  std::optional<CardAccess> card;  // to count the tries that are left; nothing: the flags must do
};

// What is known of the token's user PIN now: by the card's own count where it can be had, else by its flags.
boost::asio::awaitable<PinTold> ask_told(LoginContext context, host::SlotDescription slot);

// How an attempt ended that was made by this Cryptoki call, for the budget.
PinOutcome pin_outcome(const HostAnswer& answer, std::string_view call);
// The same for C_Login, and for the security officer's: what comes after a good one may fail, too.
PinOutcome login_outcome(const HostAnswer& answer);
PinOutcome officer_outcome(const HostAnswer& answer);

// The budget knows tokens by their lasting identity; people know them by name.
Error named(Error error, const LoginContext& context);

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
