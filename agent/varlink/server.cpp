#include "agent/varlink/server.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "agent/varlink/idle_memory.h"
#include "agent/varlink/listener.h"

namespace signet {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

constexpr int kAcceptsInARow = 64;  // then others get their turn
constexpr std::chrono::milliseconds kStarvedPause{100};
constexpr std::chrono::milliseconds kMemoryPause{1000};
constexpr int kQuiet = 5;  // such pauses: the call after them takes 3.0 ms for 2.1 (measured)
constexpr std::chrono::seconds kRefusalPause{1};
constexpr std::size_t kSocketsInARow = 64;
constexpr std::size_t kManyLeavings = 8;  // of connections: enough to clean up after

Error one_too_many(std::string_view limit, std::size_t value, const std::string& whose) {
  return {ErrorName::LimitExceeded,
          whose + " the agent's " + std::to_string(value) +
              " connections already. Close one, or try again later.",
          {{"limit", std::string(limit)}, {"value", value}}};
}

// Asio never frees what it knows of a socket, but keeps it for the next one. Made one by one amid a crowd's
// other memory, each of these would pin a page for ever; made in a row, they take a few pages (0.3 KiB for
// each connection). Making them for all connections at the start took a quarter of its CPU time (profiled).
void reserve_sockets(const asio::any_io_executor& executor, int any_socket, std::size_t count) {
  std::vector<asio::local::stream_protocol::socket> sockets;
  sockets.reserve(count);
  while (sockets.size() < count) {
    const int fd = ::fcntl(any_socket, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return;  // fewer files than connections: the limit on files is what counts then
    boost::system::error_code ec;
    sockets.emplace_back(executor).assign(asio::local::stream_protocol(), fd, ec);
    if (ec) {
      ::close(fd);
      return;
    }
  }
}

// Best effort: an error fits the buffer of a fresh socket.
void send_and_close(UniqueFd fd, const Error& error) {
  const WipedBuffer frame = encode_error(error);
  if (::send(fd.get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    spdlog::debug("varlink: a refused client did not wait for its error: {}", std::strerror(errno));
}

}  // namespace

Server::Server(const asio::any_io_executor& executor, const Dispatcher& dispatcher, PeerRule rule,
               const Limits& limits, Workbench& bench)
    : executor_(executor),
      acceptor_(executor),
      pause_(executor),
      rest_(executor),
      rule_(std::move(rule)),
      state_(std::make_shared<ServerState>(executor, dispatcher, limits, bench)) {}

Server::~Server() = default;

void Server::start(int listening_fd) {
  const int own = ::fcntl(listening_fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0)
    throw std::runtime_error("cannot duplicate the listening socket: " + std::string(std::strerror(errno)));
  acceptor_.assign(asio::local::stream_protocol(), own);
  asio::co_spawn(executor_, accept_loop(), asio::detached);
  asio::co_spawn(executor_, return_memory_loop(), asio::detached);
}

// When many have left, the allocator holds what they took, in pieces: it is told to give whole pages back. At
// most once a second: it takes some 0.2 ms. When nobody has asked anything for a while, the code goes, too.
awaitable<void> Server::return_memory_loop() {
  std::size_t calls = 0;
  int quiet = 0;
  while (!state_->draining) {
    boost::system::error_code ec;
    rest_.expires_after(kMemoryPause);
    co_await rest_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    const bool asked = std::exchange(calls, state_->calls) != state_->calls;
    quiet = asked ? 0 : quiet + 1;
    if (quiet == kQuiet) release_idle_memory();
    if (state_->leavings < kManyLeavings) continue;
    state_->leavings = 0;
    ::malloc_trim(0);
  }
}

awaitable<void> Server::accept_loop() {
  while (acceptor_.is_open()) {
    boost::system::error_code ec;
    co_await acceptor_.async_wait(asio::socket_base::wait_read,
                                  asio::redirect_error(asio::use_awaitable, ec));
    if (ec || accept_some()) continue;
    pause_.expires_after(kStarvedPause);  // the pending connection keeps the socket readable: do not spin
    co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
}

// False if the system has no descriptor or no memory left for another connection.
bool Server::accept_some() {
  for (int i = 0; i < kAcceptsInARow; ++i) {
    const int fd = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      starved_ = false;
      admit(fd);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (!std::exchange(starved_, true))
      spdlog::error("varlink: cannot accept a connection: {}. Trying again until there is room.",
                    std::strerror(errno));
    return false;
  }
  return true;
}

void Server::admit(int fd) {
  UniqueFd owned(fd);
  Result<Peer> peer = peer_of(fd);
  if (!peer) return send_and_close(std::move(owned), peer.error());
  if (Result<void> may = may_connect(*peer); !may) {
    log_refusal(*peer, may.error());
    return send_and_close(std::move(owned), may.error());
  }
  if (state_->connections.size() >= reserved_) {
    reserve_sockets(executor_, fd, kSocketsInARow);
    reserved_ += kSocketsInARow;
  }
  asio::local::stream_protocol::socket socket(executor_);
  boost::system::error_code ec;
  socket.assign(asio::local::stream_protocol(), fd, ec);
  if (ec) return spdlog::error("varlink: cannot watch a connection: {}", ec.message());
  owned.release();
  std::make_shared<Connection>(std::move(socket), *peer, state_)->start();
}

// Connecting is cheap: who does it in a loop shall not fill the disk with our log.
void Server::log_refusal(const Peer& peer, const Error& error) {
  const auto now = std::chrono::steady_clock::now();
  ++refusals_unlogged_;
  if (now - refusal_logged_ < kRefusalPause) return;
  spdlog::warn("varlink: refused {} connections since this was said last; now one of uid {}, pid {}: {}",
               std::exchange(refusals_unlogged_, 0), peer.uid, peer.pid, error.message);
  refusal_logged_ = now;
}

Result<void> Server::may_connect(const Peer& peer) {
  if (Result<void> known = rule_(peer); !known) return known;
  const Limits& limits = state_->limits;
  if (state_->connections.size() >= limits.connections)
    return one_too_many("connections", limits.connections, "All clients together have");
  if (state_->usage.of(peer.uid)->connections >= limits.connections_per_uid)
    return one_too_many("connections-per-uid", limits.connections_per_uid, "Your uid has");
  return {};
}

awaitable<void> Server::drain(std::chrono::milliseconds deadline) {
  boost::system::error_code ignored;  // the socket goes in any case
  acceptor_.close(ignored);
  pause_.cancel();
  rest_.cancel();
  state_->draining = true;
  const std::vector<Connection*> present(state_->connections.begin(), state_->connections.end());
  // A connection is destroyed by its coroutines only, never within drain() or close(): the pointers hold.
  for (Connection* connection : present) connection->drain();
  Deadline late(executor_);
  bool is_late = false;
  const std::shared_ptr<ServerState> state = state_;
  late.arm(deadline, [&is_late, state] {
    is_late = true;
    state->gone.notify();
  });
  while (!state_->connections.empty() && !is_late) co_await state_->gone.wait();
  const std::vector<Connection*> stuck(state_->connections.begin(), state_->connections.end());
  for (Connection* connection : stuck) connection->close("the agent stops and cannot wait longer");
}

}  // namespace signet
