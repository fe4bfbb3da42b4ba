// Asks the person at the terminal for a PIN.
#pragma once

#include <string_view>

#include "protocol/result.h"
#include "protocol/secret.h"

namespace signet::client {

// Longer than any token's PIN (CK_TOKEN_INFO.ulMaxPinLen is 255 at most with SoftHSM, 8 to 64 with cards).
inline constexpr std::size_t kMaxPinSize = 255;

// Whether there is a terminal to ask at.
bool terminal_present();

// Writes `prompt` to /dev/tty and reads a line from it without echo. The terminal is as it was before when
// this returns, and also when a signal (Ctrl-C, SIGTERM, …) ends the program meanwhile: it takes effect after
// the terminal is restored; after Ctrl-Z and `fg` it asks again. PinRequired with "interrupted" if nothing
// was typed; PinRequired if there is no terminal. For programs with one thread: signals are blocked in the
// calling thread only.
Result<Secret> prompt_secret(std::string_view prompt);

// Asks a question in the clear and returns the line, e.g. for a confirmation. PinRequired likewise.
Result<std::string> prompt_line(std::string_view prompt);

}  // namespace signet::client
