// Reads a token's PIN from where the configuration says it is. The PIN goes into a Secret and nowhere else.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "agent/config/config.h"
#include "protocol/result.h"
#include "protocol/secret.h"

namespace signet {

inline constexpr std::size_t kMaxPinSize = 255;            // bytes
inline constexpr std::size_t kMaxPinCommandOutput = 4096;  // bytes; a command that writes more is killed

// Asks the person at the agent's own pinentry for the PIN of the token of that name; `error` says what was
// wrong with the one before, or is empty. PinRequired.
using PinPrompt = std::function<boost::asio::awaitable<Result<Secret>>(std::string token, std::string error)>;
// So often in a row a person is asked for one login: a wrong PIN costs a try each.
inline constexpr int kMostPinPrompts = 3;

// File: a regular file (no symbolic link), owned by the effective user, mode 0400 or 0600; its content
// without one
//   final newline is the PIN.
// Credential: the file of that name in $CREDENTIALS_DIRECTORY (systemd.exec(5)); root may own it, others may
// not read it. Command: argv[0] is an absolute path; no shell; standard input is /dev/null; it must end with
// status 0 within
//   `deadline`; the first line of its output is the PIN. It inherits the agent's environment.
// Not for Pinentry, which is a PinPrompt's.
// PinRequired, with a message that says what is wrong with the source and how to mend it; `token` is for
// messages.
boost::asio::awaitable<Result<Secret>> read_pin(boost::asio::any_io_executor executor, PinSource source,
                                                std::string token, std::chrono::milliseconds deadline);

// By `prompt`, which is not null. PinRequired where it is empty.
boost::asio::awaitable<Result<Secret>> ask_for_pin(std::shared_ptr<PinPrompt> prompt, std::string token,
                                                   std::string error);
// Whether a person who is told of this can do better.
bool worth_asking_again(const Error& refused);

}  // namespace signet
