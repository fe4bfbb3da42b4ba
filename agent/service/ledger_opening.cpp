#include "agent/service/ledger_opening.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string_view>

namespace signet {
namespace {

using boost::asio::awaitable;

constexpr std::chrono::seconds kPause{1};

std::string why(const Error& error) {
  const auto* const value = error.parameters.if_contains("why");
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

// What is said once is not said again every second.
void tell(const ServiceState& state, const Error& error) {
  if (state.ledger_fault && state.ledger_fault->message == error.message) return;
  spdlog::error("The ledger cannot be used: {}{}", error.message,
                may_pass(error) ? " The agent tries again every second." : "");
}

}  // namespace

bool may_pass(const Error& ledger_fault) {
  constexpr std::array<std::string_view, 5> kPassing{"full", "read-only", "io", "locked", "memory"};
  return ledger_fault.name == ErrorName::LedgerUnavailable &&
         std::find(kPassing.begin(), kPassing.end(), why(ledger_fault)) != kPassing.end();
}

awaitable<void> open_ledger_once(ServiceState& state) {
  auto ledger = open_ledger(state.state_directory, ledger_options(state));
  if (!ledger) {
    const Error error = ledger.error();
    if (error.name == ErrorName::NotInitialised) {
      spdlog::info("{}", error.message);
      co_return;
    }
    tell(state, error);
    state.ledger_fault = error;
    co_return;
  }
  const std::weak_ptr<const bool> alive = state.alive;
  auto keys = co_await (*ledger)->keys();
  if (alive.expired()) co_return;
  if (!keys) {
    const Error error = keys.error();
    tell(state, error);
    state.ledger_fault = error;
    co_return;
  }
  state.keys.load(std::move(*keys));
  const auto compared = co_await attach_checkpoints(state, **ledger);
  if (alive.expired()) co_return;
  if (!compared) {
    const Error error = compared.error();
    tell(state, error);
    state.ledger_fault = error;
    co_return;
  }
  state.use_ledger(std::move(*ledger));
}

awaitable<void> keep_opening_ledger(ServiceState& state) {
  const std::weak_ptr<const bool> alive = state.alive;
  boost::asio::steady_timer timer(state.executor);
  while (!alive.expired() && state.ledger_fault && may_pass(*state.ledger_fault)) {
    boost::system::error_code ignored;
    timer.expires_after(kPause);
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    if (alive.expired()) co_return;
    co_await open_ledger_once(state);
    if (!alive.expired() && state.ledger) spdlog::info("The ledger can be used again.");
  }
}

}  // namespace signet
