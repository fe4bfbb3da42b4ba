#include "agent/varlink/server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "agent/varlink/listener.h"

namespace signet {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

constexpr int kAcceptsInARow = 64;  // then others get their turn
constexpr std::chrono::milliseconds kStarvedPause{100};

Error one_too_many(std::string_view limit, std::size_t value, const std::string& whose) {
  return {ErrorName::LimitExceeded,
          whose + " the agent's " + std::to_string(value) +
              " connections already. Close one, or try again later.",
          {{"limit", std::string(limit)}, {"value", value}}};
}

// Best effort: an error fits the buffer of a fresh socket.
void send_and_close(UniqueFd fd, const Error& error) {
  const WipedBuffer frame = encode_error(error);
  if (::send(fd.get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    spdlog::debug("varlink: a refused client did not wait for its error: {}", std::strerror(errno));
}

}  // namespace

Server::Server(const asio::any_io_executor& executor, const Dispatcher& dispatcher, PeerRule rule,
               Limits limits)
    : executor_(executor),
      acceptor_(executor),
      pause_(executor),
      rule_(std::move(rule)),
      state_(std::make_shared<ServerState>(executor, dispatcher, std::move(limits))) {}

Server::~Server() = default;

void Server::start(int listening_fd) {
  const int own = ::fcntl(listening_fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0)
    throw std::runtime_error("cannot duplicate the listening socket: " + std::string(std::strerror(errno)));
  acceptor_.assign(asio::local::stream_protocol(), own);
  asio::co_spawn(executor_, accept_loop(), asio::detached);
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
    spdlog::warn("varlink: refused a connection of uid {}, pid {}: {}", peer->uid, peer->pid,
                 may.error().message);
    return send_and_close(std::move(owned), may.error());
  }
  asio::local::stream_protocol::socket socket(executor_);
  boost::system::error_code ec;
  socket.assign(asio::local::stream_protocol(), fd, ec);
  if (ec) return spdlog::error("varlink: cannot watch a connection: {}", ec.message());
  owned.release();
  std::make_shared<Connection>(std::move(socket), *peer, state_)->start();
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
