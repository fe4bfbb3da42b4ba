// The reading half of a Connection.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>

#include <spdlog/spdlog.h>

#include "agent/varlink/connection.h"

namespace signet {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::size_t kLargeReadSize = 256 * 1024;

Error late_frame(std::chrono::milliseconds deadline) {
  return {ErrorName::LimitExceeded,
          "The message was begun but not ended with a NUL byte within " + std::to_string(deadline.count()) +
              " ms.",
          {{"limit", "frame-deadline"}, {"value", deadline.count()}}};
}

FrameLimits frame_limits(const Limits& limits) {
  FrameLimits out;
  out.size = limits.frame_size;
  out.large_size = limits.metadata_frame_size;
  out.large_methods = large_methods();
  return out;
}

}  // namespace

bool hung_up(int fd) {
  pollfd poll{fd, 0, 0};
  return ::poll(&poll, 1, 0) > 0 && (poll.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

const std::vector<std::string>& large_methods() {
  static const std::vector<std::string> names{"org.signet.Agent.SignMetadata",
                                              "org.signet.Agent.ObserveMetadata",
                                              "org.signet.Agent.AdoptRepository"};
  return names;
}

awaitable<void> Connection::read_loop() {
  FrameSplitter splitter(frame_limits(state_->limits));
  while (!input_ended_) {
    if (!has_room()) {  // the rest is left in the socket, unread
      co_await wait_for(room_);
      continue;
    }
    Result<std::optional<WipedBuffer>> frame = splitter.next();
    if (!frame) {
      Incoming fault;
      fault.fault = frame.error();
      enqueue(std::move(fault));
      break;
    }
    const std::size_t size = *frame ? (*frame)->size() : splitter.pending();
    if (size > state_->limits.frame_size && !large_) co_await reserve_large_frame();
    if (*frame) {
      if (frame_deadline_) frame_deadline_->disarm();
      Incoming incoming;
      incoming.frame = std::move(**frame);
      incoming.large = std::exchange(large_, Counted());
      enqueue(std::move(incoming));
      continue;
    }
    watch_frame(splitter);
    boost::system::error_code ec;
    co_await socket_.async_wait(asio::socket_base::wait_read, asio::redirect_error(asio::use_awaitable, ec));
    if (closed_ || ec || !fill(splitter)) break;
  }
  if (large_) state_->leavings += kLargeLeavings;  // of a frame that was never finished
  large_ = Counted();
  end_of_input();
}

// A frame that was begun has until its deadline to end.
void Connection::watch_frame(const FrameSplitter& splitter) {
  if (splitter.pending() == 0) return;
  if (!frame_deadline_) frame_deadline_ = std::make_unique<Deadline>(socket_.get_executor());
  if (frame_deadline_->armed()) return;
  frame_deadline_->arm(state_->limits.frame_deadline, [this] {
    frame_late_ = true;
    ::shutdown(socket_.native_handle(), SHUT_RD);  // ends the wait for more; replies can still be written
  });
}

// One read, of a socket that has something. False at the end of the input, whatever ended it.
bool Connection::fill(FrameSplitter& splitter) {
  if (frame_late_) {
    Incoming fault;
    fault.fault = late_frame(state_->limits.frame_deadline);
    enqueue(std::move(fault));
    return false;
  }
  const ssize_t count = receive(splitter);
  if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return count > 0;
}

// One recv(): what it returns, and its errno. All connections read into one buffer and keep only what came,
// so that an idle one holds no room for a read; the rest of a large frame goes straight to its place.
ssize_t Connection::receive(FrameSplitter& splitter) {
  if (splitter.large()) {
    const std::span<char> room = splitter.prepare(kLargeReadSize);
    const ssize_t count = ::recv(socket_.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
    if (count > 0) splitter.commit(static_cast<std::size_t>(count));
    return count;
  }
  WipedBuffer& shared = state_->read_buffer;
  shared.resize(kReadSize);  // of the first read; it keeps its size
  const ssize_t count = ::recv(socket_.native_handle(), shared.data(), shared.size(), MSG_DONTWAIT);
  if (count <= 0) return count;
  const auto size = static_cast<std::size_t>(count);
  std::copy_n(shared.data(), size, splitter.prepare(size).data());
  wipe_memory(shared.data(), size);
  splitter.commit(size);
  return count;
}

// Waits until this uid may have one more large frame in the agent. The client is not to blame for the wait:
// its frame's deadline starts over.
awaitable<void> Connection::reserve_large_frame() {
  if (frame_deadline_) frame_deadline_->disarm();
  while (usage_->large_frames >= state_->limits.large_frames_per_uid && !closed_)
    co_await usage_->frame_freed.wait();
  if (!closed_) large_ = Counted(usage_, &UidUsage::large_frames);
}

// Frames above frame_size wait alone: what is read ahead is bounded in calls and in bytes.
bool Connection::has_room() const {
  return incoming_.size() < state_->limits.pipelined_calls && incoming_bytes_ <= state_->limits.frame_size;
}

void Connection::enqueue(Incoming incoming) {
  incoming_bytes_ += incoming.frame.size();
  incoming_.push_back(std::move(incoming));
  begin_calls();
}

void Connection::end_of_input() {
  if (frame_deadline_) frame_deadline_->disarm();
  input_ended_ = true;
  if (closed_) return;
  if (hung_up(socket_.native_handle())) return close("the client left");
  if (!calling_) close("the client is done");
}

}  // namespace signet
