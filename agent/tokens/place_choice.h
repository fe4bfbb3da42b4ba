// Which of the tokens that hold a key is asked: pure decisions; thread safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "agent/tokens/token_service.h"

namespace signet {

// What is known of one of a key's places.
struct PlaceState {
  bool tried = false;    // by this call
  bool failed = false;   // it is passed over now
  std::size_t load = 0;  // calls that are with its token
};

// The place to ask next, states[i] being that of key.place(i); nothing when all were tried. Of those that
// work the lowest order, and of these the least loaded for its weight, and of equal ones the first enrolled.
// Those that failed come last, by order alone: they are asked when nobody else is left, and may be back.
std::optional<std::size_t> choose_place(const KeyLocation& key, std::span<const PlaceState> states);

// Whether another token may do what this one could not.
bool worth_another_token(const Error& error);

// What a fault is about.
enum class FaultScope {
  None,   // the token is well; it is busy, or the call was wrong
  Token,  // it serves nobody
  Key,    // it does not serve this key
};
FaultScope fault_scope(const Error& error);

// Of the errors of several tokens, the one that says best what a person can do: type a PIN, insert a token, …
bool tells_more(const Error& error, const Error& than);

}  // namespace signet
