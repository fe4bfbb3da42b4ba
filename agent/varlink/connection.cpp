#include "agent/varlink/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

namespace signet {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using asio::awaitable;

// A client that lets this many events wait is not reading.
constexpr std::size_t kMaxUnsentEvents = 64;

class ReplyStream final : public EventSink {
 public:
  ReplyStream(Connection& connection, bool wanted) : connection_(connection), wanted_(wanted) {}
  bool wanted() const override { return wanted_; }
  // Never waits for the client: a handler may hold a token's session here.
  awaitable<void> send(json::object parameters) override {
    if (wanted_) connection_.send_event(std::move(parameters));
    co_return;
  }
  bool over() const override { return connection_.over(); }
  void on_close(std::function<void()> wake) override { connection_.on_close(std::move(wake)); }
  awaitable<void> flushed() override { return connection_.flushed(); }

 private:
  Connection& connection_;
  bool wanted_;
};

Error internal_fault() {
  return {
      ErrorName::Internal,
      "The agent failed in a way that it should not have; its log says more. The call may have been done."};
}

}  // namespace

Connection::Connection(asio::local::stream_protocol::socket socket, Peer peer,
                       std::shared_ptr<ServerState> state)
    : socket_(std::move(socket)),
      peer_(peer),
      state_(std::move(state)),
      usage_(state_->usage.of(peer.uid)),
      counted_(usage_, &UidUsage::connections) {
  state_->connections.insert(this);
}

Connection::~Connection() {
  state_->connections.erase(this);
  ++state_->leavings;
  state_->gone.notify();
}

// The connection is held while one of its loops runs: it goes when the last of them ends. What a loop throws
// (no memory for a frame) ends this connection alone.
void Connection::begin(awaitable<void> loop) {
  asio::co_spawn(
      socket_.get_executor(), std::move(loop), [self = shared_from_this()](const std::exception_ptr& thrown) {
        if (!thrown) return;
        try {
          std::rethrow_exception(thrown);
        } catch (const std::exception& fault) {
          spdlog::error("varlink: a connection of uid {} failed: {}", self->peer_.uid, fault.what());
        }
        self->close("a fault");
      });
}

void Connection::start() {
  begin(read_loop());
}

awaitable<void> Connection::wait_for(std::unique_ptr<Signal>& signal) {
  if (!signal) signal = std::make_unique<Signal>(socket_.get_executor());
  return signal->wait();
}

void Connection::drain() {
  if (on_close_) on_close_();
  if (!busy_) close("the agent is stopping");
}

void Connection::close(std::string_view why) {
  if (closed_) return;
  spdlog::debug("varlink: closing a connection of uid {}, pid {}: {}", peer_.uid, peer_.pid, why);
  closed_ = true;
  input_ended_ = true;
  if (frame_deadline_) frame_deadline_->disarm();
  if (write_deadline_) write_deadline_->disarm();
  boost::system::error_code ignored;  // nothing is left to be done about it
  socket_.close(ignored);
  if (room_) room_->notify();
  if (flushed_) flushed_->notify();
  usage_->frame_freed.notify();
  if (on_close_) on_close_();
}

bool Connection::over() {
  // A client that ended its writing is not watched any more: it is looked for.
  return closed_ || state_->draining || (input_ended_ && hung_up(socket_.native_handle()));
}

awaitable<void> Connection::flushed() {
  while (writing_ && !closed_) co_await wait_for(flushed_);
}

// --- handling ---

// A coroutine for as long as there are calls: an idle connection has none, and a call begins where it was
// read.
void Connection::begin_calls() {
  if (!std::exchange(calling_, true)) begin(call_loop());
}

awaitable<void> Connection::call_loop() {
  while (!incoming_.empty() && !state_->draining) {
    Incoming next = std::move(incoming_.front());
    incoming_.pop_front();
    incoming_bytes_ -= next.frame.size();
    if (room_) room_->notify();
    const bool large = next.frame.size() > state_->limits.frame_size;
    busy_ = true;
    ++state_->calls;
    co_await serve(std::move(next));
    busy_ = false;
    if (large) state_->leavings += kLargeLeavings;
  }
  calling_ = false;
  if (state_->draining) close("the agent is stopping");
  if (input_ended_) close("the client is done");
}

awaitable<void> Connection::serve(Incoming incoming) {
  if (incoming.fault) {
    co_await refuse(*incoming.fault, false, true);
    co_return;
  }
  const std::size_t size = incoming.frame.size();
  const auto parse = [&incoming] { return parse_call(as_text(incoming.frame), make_secret_storage()); };
  std::optional<Result<VarlinkCall>> parsed;
  if (Workbench::is_large(size))
    parsed.emplace(co_await state_->bench.run(size, parse));
  else
    parsed.emplace(parse());  // most calls' way: without another coroutine
  Result<VarlinkCall>& call = *parsed;
  incoming.frame = WipedBuffer();
  if (!call) {  // not a call at all: whoever sends this is no Varlink client
    co_await refuse(call.error(), false, true);
    co_return;
  }
  std::optional<Error> error;
  if (!accepts(*call, size, error)) {
    if (error) co_await refuse(*error, call->oneway, error->name == ErrorName::LimitExceeded);
    co_return;
  }
  Result<Dispatcher::Target> target = state_->dispatcher.resolve(*call);
  if (!target) {
    co_await refuse(target.error(), call->oneway, false);
    co_return;
  }
  co_await run(std::move(*target), std::move(*call), size);
}

// What can be said before the method is looked up. False without an error: dropped in silence.
bool Connection::accepts(const VarlinkCall& call, std::size_t frame_size, std::optional<Error>& error) const {
  if (closed_ && !call.oneway) return false;
  const std::vector<std::string>& large = large_methods();
  if (frame_size > state_->limits.frame_size &&
      std::find(large.begin(), large.end(), call.method) == large.end())
    error.emplace(ErrorName::LimitExceeded,
                  "The message is larger than " + std::to_string(state_->limits.frame_size) +
                      " bytes. Only calls that carry metadata may be larger.",
                  json::object{{"limit", "frame-size"}, {"value", state_->limits.frame_size}});
  else if (usage_->calls >= state_->limits.waiting_calls)
    error.emplace(ErrorName::Busy,
                  "Your uid has " + std::to_string(usage_->calls) +
                      " calls in progress already. Try again in a second.",
                  json::object{{"retryAfterMs", 1000}});
  return !error;
}

awaitable<void> Connection::run(Dispatcher::Target target, VarlinkCall call, std::size_t frame_size) {
  const Counted in_progress(usage_, &UidUsage::calls);
  ReplyStream events(*this, call.more && target.method->allow_more);
  std::optional<Result<json::object>> result;
  try {
    // Named, and only then awaited: see the coroutine rule in CONTRIBUTING.
    Call request{target.name, call.parameters, peer_, events};
    awaitable<Result<json::object>> handling = target.method->handler(std::move(request));
    result.emplace(co_await std::move(handling));
  } catch (const std::exception& bug) {
    spdlog::critical("varlink: {} of uid {} failed with an exception: {}", target.name, peer_.uid,
                     bug.what());
    result.emplace(internal_fault());
  }
  on_close_ = nullptr;
  if (!*result)
    spdlog::debug("varlink: {} of uid {}: {}", target.name, peer_.uid, short_name(result->error().name));
  if (call.oneway) co_return;
  if (closed_) {
    spdlog::info("varlink: uid {}, pid {} left during {}; it ran to its end and its result is dropped",
                 peer_.uid, peer_.pid, target.name);
    co_return;
  }
  // What answers much may be as much: a conflict carries what was released.
  const auto encode = [&result] { return *result ? encode_reply(**result) : encode_error(result->error()); };
  WipedBuffer frame;
  if (Workbench::is_large(frame_size))
    frame = co_await state_->bench.run(frame_size, encode);
  else
    frame = encode();
  co_await reply(std::move(frame));
}

// --- writing ---

awaitable<void> Connection::refuse(const Error& error, bool oneway, bool and_close) {
  if (and_close || oneway)
    spdlog::info("varlink: refused uid {}, pid {} and closed its connection: {}", peer_.uid, peer_.pid,
                 error.message);
  if (!oneway) {
    WipedBuffer frame = encode_error(error);
    co_await reply(std::move(frame));
  }
  // A oneway call that is not done can be answered in no other way.
  if (and_close || oneway) close("refused");
}

awaitable<void> Connection::reply(WipedBuffer frame) {
  enqueue_output(std::move(frame));
  co_await flushed();
}

void Connection::send_event(json::object parameters) {
  if (closed_) return;
  if (output_.size() >= kMaxUnsentEvents) return close("it does not read its events");
  enqueue_output(encode_reply(parameters, true));
}

void Connection::enqueue_output(WipedBuffer frame) {
  if (closed_) return;
  if (!writing_) {  // most replies fit the socket's buffer: no coroutine, no timer
    const ssize_t sent =
        ::send(socket_.native_handle(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(frame.size())) return;
    if (sent > 0) frame.erase(frame.begin(), frame.begin() + sent);
  }
  output_.push_back(std::move(frame));
  if (!std::exchange(writing_, true)) begin(write_loop());
}

awaitable<void> Connection::write_loop() {
  while (!output_.empty() && !closed_) {
    const WipedBuffer frame = std::move(output_.front());
    output_.pop_front();
    if (!write_deadline_) write_deadline_ = std::make_unique<Deadline>(socket_.get_executor());
    write_deadline_->arm(state_->limits.write_deadline, [this] { close("it does not read its replies"); });
    std::size_t sent = 0;
    while (sent < frame.size() && !closed_) {
      const ssize_t n = ::send(socket_.native_handle(), frame.data() + sent, frame.size() - sent,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<std::size_t>(n);
      if (n > 0 || errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        close("it is gone");
        break;
      }
      boost::system::error_code ec;
      co_await socket_.async_wait(asio::socket_base::wait_write,
                                  asio::redirect_error(asio::use_awaitable, ec));
    }
    write_deadline_->disarm();
  }
  output_.clear();
  writing_ = false;
  if (flushed_) flushed_->notify();
}

}  // namespace signet
