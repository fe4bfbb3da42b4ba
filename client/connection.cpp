#include "client/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace signet::client {
namespace {

constexpr std::size_t kReadSize = 64 * 1024;
// How long to wait before asking again a listener whose backlog is full: connect() cannot be polled for that.
constexpr std::chrono::milliseconds kBacklogPause{20};

std::string reason(int error) {
  return std::generic_category().message(error);
}

Error cannot_connect(const std::filesystem::path& path, int error) {
  const std::string where = path.string();
  if (error == ENOENT || error == ECONNREFUSED)
    return connection_error("not-running",
                            "No agent listens at " + where +
                                ". Start one with \"signetd\" (or \"systemctl start signetd\" for " +
                                "the system's), or name its socket in SIGNET_SOCKET or with --socket.");
  if (error == EACCES || error == EPERM)
    return connection_error(
        "permission",
        "You may not connect to the agent at " + where +
            ". The system's agent serves members of the group \"signet\": ask to be added to it, "
            "or start an agent of your own with \"signetd\".");
  return connection_error("not-running", "Connecting to the agent at " + where + " failed: " + reason(error) +
                                             ". Check that this path is the socket of a running signetd.");
}

Error deadline_passed(std::string_view what) {
  return connection_error(
      "deadline", "The agent did not " + std::string(what) +
                      " in time. It may wait for a token or a person: look at its log, then try again.");
}

Error closed(int error) {
  const std::string because = error == 0 ? std::string() : " (" + reason(error) + ")";
  return connection_error(
      "closed", "The agent closed the connection before it had answered" + because +
                    ". It may have been stopped: see its log, then try again; signing the same bytes "
                    "again is safe.");
}

Error too_large() {
  return connection_error("too-large",
                          "The agent's reply is longer than " + std::to_string(kMaxReplySize) +
                              " bytes. This is no reply of a sound agent: check what listens at the socket.");
}

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.empty() || text.size() >= sizeof address.sun_path || text.find('\0') != std::string::npos)
    return connection_error("address", "\"" + text + "\" cannot be the path of a socket: it must have 1 to " +
                                           std::to_string(sizeof address.sun_path - 1) + " bytes.");
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

}  // namespace

Error connection_error(std::string_view why, std::string message) {
  boost::json::object parameters;
  parameters["why"] = why;
  return {ErrorName::ConnectionFailed, std::move(message), std::move(parameters)};
}

Result<Connection> Connection::open(const std::filesystem::path& path, SteadyTime deadline) {
  auto address = address_of(path);
  if (!address) return address.error();
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0)
    return connection_error("not-running", "No socket could be made: " + reason(errno) + ".");
  Connection connection(descriptor);
  while (::connect(descriptor, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno == EINTR) continue;
    // A Unix listener's full backlog: not "in progress", nothing to poll for.
    if (errno != EAGAIN) return cannot_connect(path, errno);
    if (std::chrono::steady_clock::now() >= deadline) return deadline_passed("accept the connection");
    std::this_thread::sleep_for(kBacklogPause);
  }
  return connection;
}

Connection::Connection(int descriptor)
    : descriptor_(descriptor), frames_(FrameLimits{kMaxReplySize, kMaxReplySize, {}}) {}

Connection::Connection(Connection&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), frames_(std::move(other.frames_)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(frames_, other.frames_);
  return *this;
}

Connection::~Connection() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> Connection::wait(short events, SteadyTime deadline) const {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return deadline_passed(events == POLLIN ? "answer" : "read the request");
    pollfd poll{descriptor_, events, 0};
    const int ready = ::poll(&poll, 1, static_cast<int>(std::min<long long>(left, 60'000)));
    // Errors and a hang-up are found by the read or write that follows.
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return closed(errno);
  }
}

Result<void> Connection::send(std::string_view frame, SteadyTime deadline) {
  while (!frame.empty()) {
    const ssize_t sent = ::send(descriptor_, frame.data(), frame.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      frame.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (auto writable = wait(POLLOUT, deadline); !writable) return writable.error();
    } else if (errno != EINTR) {
      return closed(errno);
    }
  }
  return {};
}

Result<WipedBuffer> Connection::receive(SteadyTime deadline) {
  for (;;) {
    auto frame = frames_.next();
    if (!frame) return too_large();
    if (*frame) return std::move(**frame);
    const std::span<char> room = frames_.prepare(kReadSize);
    const ssize_t received = ::recv(descriptor_, room.data(), room.size(), 0);
    if (received > 0) {
      frames_.commit(static_cast<std::size_t>(received));
    } else if (received == 0) {
      return closed(0);
    } else if (errno == EAGAIN) {
      if (auto readable = wait(POLLIN, deadline); !readable) return readable.error();
    } else if (errno != EINTR) {
      return closed(errno);
    }
  }
}

bool Connection::quiet() {
  auto left = frames_.next();
  if (!left || *left || frames_.pending() > 0) return false;
  pollfd poll{descriptor_, POLLIN | POLLRDHUP, 0};
  return ::poll(&poll, 1, 0) == 0;
}

}  // namespace signet::client
