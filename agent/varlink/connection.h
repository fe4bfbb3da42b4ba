// One client's connection: reads frames ahead, handles one call at a time, writes the replies in order.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "agent/config/config.h"
#include "agent/varlink/dispatcher.h"
#include "agent/varlink/handler.h"
#include "agent/varlink/peer_usage.h"
#include "agent/varlink/signal.h"
#include "agent/varlink/workbench.h"
#include "protocol/secret_json.h"
#include "protocol/varlink_message.h"

namespace signet {

class Connection;

// What the connections of one server share. Outlives them all: each holds it.
struct ServerState {
  ServerState(const boost::asio::any_io_executor& executor, const Dispatcher& dispatcher_,
              const Limits& limits_, Workbench& bench_)
      : dispatcher(dispatcher_), bench(bench_), limits(limits_), usage(executor), gone(executor) {}

  const Dispatcher& dispatcher;
  Workbench& bench;  // where large frames are parsed
  Limits limits;
  PeerUsage usage;
  std::unordered_set<Connection*> connections;
  Signal gone;               // a connection is
  std::size_t leavings = 0;  // of connections and large frames, since memory was given back last
  std::size_t calls = 0;     // that have begun
  bool draining = false;
  WipedBuffer read_buffer;  // for one read at a time: wiped before anything else runs
};

// A frame above frame_size leaves as much behind as so many connections.
inline constexpr std::size_t kLargeLeavings = 100;

// Calls whose frames may be as large as metadata_frame_size.
const std::vector<std::string>& large_methods();

// Whether the other end closed its socket. A shutdown of its writing alone is no hang-up.
bool hung_up(int fd);

// Lives until its socket is closed and its last handler has ended: its coroutines hold it. One event loop.
//
// When the client leaves, the call in progress runs to its end and its result is dropped; calls that wait
// behind it are dropped too, but for oneway ones: their sender need not stay. A client that only ended its
// own writing (shutdown) still gets all its replies.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::local::stream_protocol::socket socket, Peer peer,
             std::shared_ptr<ServerState> state);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();
  // No further call is begun; closes when the call in progress has been answered.
  void drain();
  // At once.
  void close(std::string_view why);

  // Sends without waiting; a client that lets too many pile up is closed.
  void send_event(boost::json::object parameters);
  // As EventSink has them, for the call in progress.
  bool over();
  void on_close(std::function<void()> wake) { on_close_ = std::move(wake); }
  boost::asio::awaitable<void> flushed();

 private:
  struct Incoming {
    WipedBuffer frame;
    Counted large;               // held by a frame above frame_size
    std::optional<Error> fault;  // the last of its kind: what was read cannot be a call
  };

  void begin(boost::asio::awaitable<void> loop);
  boost::asio::awaitable<void> wait_for(std::unique_ptr<Signal>& signal);
  // Reading.
  boost::asio::awaitable<void> read_loop();
  void watch_frame(const FrameSplitter& splitter);
  bool fill(FrameSplitter& splitter);
  ssize_t receive(FrameSplitter& splitter);
  boost::asio::awaitable<void> reserve_large_frame();
  bool has_room() const;
  void enqueue(Incoming incoming);
  void end_of_input();
  // Handling.
  void begin_calls();
  boost::asio::awaitable<void> call_loop();
  boost::asio::awaitable<void> serve(Incoming incoming);
  boost::asio::awaitable<void> run(Dispatcher::Target target, VarlinkCall call, std::size_t frame_size);
  bool accepts(const VarlinkCall& call, std::size_t frame_size, std::optional<Error>& error) const;
  // Writing.
  boost::asio::awaitable<void> reply(WipedBuffer frame);
  boost::asio::awaitable<void> refuse(const Error& error, bool oneway, bool and_close);
  void enqueue_output(WipedBuffer frame);
  boost::asio::awaitable<void> write_loop();

  boost::asio::local::stream_protocol::socket socket_;
  const Peer peer_;
  const std::shared_ptr<ServerState> state_;
  const std::shared_ptr<UidUsage> usage_;
  const Counted counted_;

  std::list<Incoming>
      incoming_;  // a list: most of a connection's life it is empty, and then it holds nothing
  std::size_t incoming_bytes_ = 0;
  // Made when they are first wanted, which for most connections is never: an idle one shall hold little.
  std::unique_ptr<Signal> room_, flushed_;
  std::unique_ptr<Deadline> frame_deadline_, write_deadline_;
  bool frame_late_ = false;
  Counted large_;  // of the frame that is being read
  bool input_ended_ = false;
  bool calling_ = false;  // call_loop runs
  bool busy_ = false;     // a call is in progress
  std::function<void()> on_close_;

  std::list<WipedBuffer> output_;
  bool writing_ = false;
  bool closed_ = false;
};

}  // namespace signet
