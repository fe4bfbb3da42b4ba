// Reads a token's PIN from where the configuration says it is. The PIN goes into a Secret and nowhere else.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>

#include "agent/config/config.h"
#include "protocol/result.h"
#include "protocol/secret.h"

namespace signet {

inline constexpr std::size_t kMaxPinSize = 255;            // bytes
inline constexpr std::size_t kMaxPinCommandOutput = 4096;  // bytes; a command that writes more is killed

// File: a regular file (no symbolic link), owned by the effective user, mode 0400 or 0600; its content
// without one
//   final newline is the PIN.
// Credential: the file of that name in $CREDENTIALS_DIRECTORY (systemd.exec(5)); root may own it, others may
// not read it. Command: argv[0] is an absolute path; no shell; standard input is /dev/null; it must end with
// status 0 within
//   `deadline`; the first line of its output is the PIN. It inherits the agent's environment.
// PinRequired, with a message that says what is wrong with the source and how to mend it; `token` is for
// messages.
boost::asio::awaitable<Result<Secret>> read_pin(boost::asio::any_io_executor executor, PinSource source,
                                                std::string token, std::chrono::milliseconds deadline);

}  // namespace signet
