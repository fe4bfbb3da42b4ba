// One connection to a token host: one PKCS#11 session, whose requests are answered one after the other.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "agent/tokens/child_process.h"
#include "agent/tokens/wait_list.h"
#include "pkcs11/host_frame.h"

namespace signet {

// The host ended, or wrote what is no frame: the connection is of no use any more, and the outcome is
// unknown.
struct HostLost {
  enum class Kind {
    Died,      // it crashed, or broke the protocol, or could not be started
    Deadline,  // this very call passed its deadline: the host was killed for it
    Stopped,   // it was ended for another reason: another call's deadline, a lock, a reload
  };
  explicit HostLost(std::string why_in, Kind kind_in = Kind::Died) : kind(kind_in), why(std::move(why_in)) {}
  Kind kind;
  std::string why;   // "the token host of module softhsm was killed by signal 11 (Segmentation fault)"
  std::string call;  // what it was asked, in Cryptoki's words: "C_Sign"; empty if it was not asked anything
};

// What came back: the request's own reply, the fault in its place, or nothing.
using HostAnswer = std::variant<host::Reply, host::Fault, HostLost>;

// The Cryptoki call that a request is chiefly about.
std::string_view cryptoki_call(const host::Request& request);

// Frames over the socket. Not thread safe. A call may begin while others are under way: its request is sent
// at once, and its reply comes after theirs. The deadline is the caller's: shut_down() from the same loop
// ends all calls that are under way with HostLost.
class HostConnection {
 public:
  HostConnection(const boost::asio::any_io_executor& executor, FileDescriptor socket);
  HostConnection(const HostConnection&) = delete;
  HostConnection& operator=(const HostConnection&) = delete;

  // `request` must live until the call completes. One write and, for a reply of ordinary size, one read. A
  // reply of another type than the request's is HostLost.
  boost::asio::awaitable<HostAnswer> call(const host::Request& request);
  void shut_down() noexcept;

 private:
  // False: the host has ended.
  boost::asio::awaitable<bool> send(BytesView frame);
  boost::asio::awaitable<bool> fill(std::size_t size);
  boost::asio::awaitable<HostAnswer> read_reply(std::uint32_t id, std::size_t request_index);

  boost::asio::local::stream_protocol::socket socket_;
  std::uint32_t next_id_ = 1, next_reply_ = 1;
  bool sending_ = false;    // a frame that did not fit the socket's buffer
  WaitList turns_;          // calls that wait to send, or for the replies before theirs
  Bytes buffer_;            // what was read; replies hold no secret
  std::size_t filled_ = 0;  // bytes of it that are valid
};

}  // namespace signet
