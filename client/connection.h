// A blocking connection to a Unix socket, in frames that end with a NUL byte. I/O only: the frames are cut by
// protocol/varlink_message.h, and what one says is for the caller to judge.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string_view>

#include "protocol/result.h"
#include "protocol/varlink_message.h"

namespace signet::client {

using SteadyTime = std::chrono::steady_clock::time_point;

// More than any reply of an agent needs: metadata of 12 MiB whose every byte is escaped, and its signatures.
inline constexpr std::size_t kMaxReplySize = 32 * 1024 * 1024;

// ConnectionFailed with "why" among its parameters.
Error connection_error(std::string_view why, std::string message);

// Owns the descriptor. All deadlines are absolute. One thread at a time.
class Connection {
 public:
  // why: not-running (with what to start), permission, address (a path too long), deadline.
  static Result<Connection> open(const std::filesystem::path& path, SteadyTime deadline);

  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Sends `frame`, which ends with its NUL. why: closed, deadline.
  Result<void> send(std::string_view frame, SteadyTime deadline);
  // The next frame, without its NUL. why: closed, deadline, too-large.
  Result<WipedBuffer> receive(SteadyTime deadline);
  // Whether nothing is left to be read and the other end is still there: only then may a new call be sent.
  bool quiet();

 private:
  explicit Connection(int descriptor);
  Result<void> wait(short events, SteadyTime deadline) const;

  int descriptor_ = -1;
  FrameSplitter frames_;
};

}  // namespace signet::client
