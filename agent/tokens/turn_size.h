// How many signatures go to a token host in one round trip: pure decisions.
#pragma once

#include <chrono>
#include <cstddef>

namespace signet {

// So long one round trip may hold a session that others wait for, and so many signatures it has at most.
inline constexpr std::chrono::microseconds kLongestTurn{5000};
inline constexpr std::size_t kMostInTurn = 16;
// A list's turn is hardly shorter: the way to the host and back costs the agent 20 to 30 µs (measured).
inline constexpr std::chrono::microseconds kShortestTurn{250};

// Of `left` signatures of one call, with that many sessions and one signature taking so long (zero: not
// known).
std::size_t turn_size(std::size_t left, std::size_t sessions, std::chrono::microseconds each);

// Whether a token is quick work of this machine: a program (SoftHSM). `least` is what a signature takes where
// nobody else wants the processor, `processor` the part of it that a thread of the host computes: an HSM
// across a network, a card, a TPM are waited for. Zero: not known.
inline constexpr std::chrono::microseconds kQuickToken{1000};
bool is_quick_work(std::chrono::microseconds least, std::chrono::microseconds processor);

// What a signature costs besides such a token: the agent, the ledger, the client (measured,
// docs/performance.md: 50 to 90), and the way to the token and back.
inline constexpr std::chrono::microseconds kBesideToken{100};

// How many of such a token's `sessions` are used at a time. More than processors would only have its threads
// take turns. Two at least: one call that hangs does not hold up all.
std::size_t useful_sessions(std::size_t sessions, std::size_t processors);
// The same for calls that can share a round trip while they wait: of the processors only the token's own
// part.
std::size_t useful_shared_sessions(std::size_t sessions, std::size_t processors,
                                   std::chrono::microseconds each);

// Of a call that takes along others which wait for a session: of `calls`, its own among them, shared out over
// so many turns, so that the sessions, when they come back, find as much to do.
std::size_t shared_turn_size(std::size_t calls, std::size_t turns, std::chrono::microseconds each);

}  // namespace signet
