// Opens the agent's ledger at its start; where its disk is in the way, tries again until it is not.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "agent/service/state.h"

namespace signet {

// Whether it can pass by itself: a full disk, one that is read-only or reports faults, another program that
// has the file open. Not: a ledger that is damaged, newer, or not one.
bool may_pass(const Error& ledger_fault);

// One try: fills state.ledger and state.keys and tells on_ledger, or sets state.ledger_fault. Neither where
// there is no ledger.
boost::asio::awaitable<void> open_ledger_once(ServiceState& state);

// Until it is open, or cannot be: a try a second, while `state` lives.
boost::asio::awaitable<void> keep_opening_ledger(ServiceState& state);

}  // namespace signet
