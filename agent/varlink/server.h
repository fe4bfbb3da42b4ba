// The Varlink server: accepts, asks who it is, hands out connections, drains.
//
// Rules of the wire, beyond Varlink's own (docs/protocol.md says them to clients):
// - A call is handled to its end before the next one on its connection is begun; replies come in order.
// - A frame that is no call (JSON, depth, size, deadline) gets its error, after the replies before it, and
// then the
//   connection is closed. A call with a wrong method or parameter gets its error and the connection stays.
// - A oneway call that is refused is not done, and the connection is closed: there is no other way to say so.
// - Who may not connect, or is one too many, gets PermissionDenied or LimitExceeded at once and is closed.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>

#include "agent/config/config.h"
#include "agent/varlink/connection.h"
#include "agent/varlink/dispatcher.h"
#include "agent/varlink/peer.h"

namespace signet {

// Runs on one event loop, and outlives its run once it was started. The dispatcher and the workbench must
// outlive the server and all its connections. Not thread safe.
class Server {
 public:
  Server(const boost::asio::any_io_executor& executor, const Dispatcher& dispatcher, PeerRule rule,
         const Limits& limits, Workbench& bench);
  ~Server();

  // Accepts from a listening, non-blocking socket, which is duplicated: the caller keeps its own.
  void start(int listening_fd);
  // Accepts nothing more, begins no call more, waits for the calls in progress until the deadline, then
  // closes all.
  boost::asio::awaitable<void> drain(std::chrono::milliseconds deadline);
  // For connections and frames that come after.
  void set_limits(const Limits& limits) { state_->limits = limits; }
  // Those with a call in progress whose client has left are among them.
  std::size_t connections() const { return state_->connections.size(); }

 private:
  boost::asio::awaitable<void> accept_loop();
  boost::asio::awaitable<void> return_memory_loop();
  bool accept_some();
  void admit(int fd);
  Result<void> may_connect(const Peer& peer);
  void log_refusal(const Peer& peer, const Error& error);

  boost::asio::any_io_executor executor_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer pause_, rest_;
  PeerRule rule_;
  std::shared_ptr<ServerState> state_;
  std::size_t reserved_ = 0;  // connections that Asio has memory for
  bool starved_ = false;      // of file descriptors: logged once
  std::chrono::steady_clock::time_point refusal_logged_;
  std::size_t refusals_unlogged_ = 0;
};

}  // namespace signet
