// Varlink on the wire (https://varlink.org/Method-Call): JSON objects, each ended by one NUL byte. Shared by
// the agent and its clients; no I/O here. Thread safe beyond the objects themselves.
//
//   call:  {"method": "org.example.Foo", "parameters": {…}, "oneway": false, "more": false, "upgrade": false}
//   reply: {"parameters": {…}, "continues": false}         or         {"error": "org.example.Bar",
//   "parameters": {…}}
//
// Every frame is taken strictly: valid UTF-8 and JSON without an extension, no duplicate keys, no nesting
// beyond kMaxFrameDepth, no number that a double or a 64-bit integer cannot hold. Frames may carry a PIN:
// they are held in wiped memory only.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/storage_ptr.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/result.h"
#include "protocol/secret_json.h"

namespace signet {

// Levels of objects and arrays in one frame; the frame itself is the first.
inline constexpr std::size_t kMaxFrameDepth = 16;

struct VarlinkCall {
  // `storage`: of the parameters, for life; what is assigned to them is copied into it.
  explicit VarlinkCall(boost::json::storage_ptr storage = make_secret_storage())
      : parameters(std::move(storage)) {}

  std::string method;              // with its interface: "org.signet.Agent.SignMetadata"
  boost::json::object parameters;  // empty if the frame has none
  bool oneway = false;             // no reply wanted
  bool more = false;               // several replies welcome
  bool upgrade = false;
};

struct VarlinkReply {
  explicit VarlinkReply(boost::json::storage_ptr storage = {}) : parameters(std::move(storage)) {}

  std::string error;               // the error's wire name; empty for success
  boost::json::object parameters;  // of the reply or of the error
  bool continues = false;          // more replies follow
};

// A frame without its NUL. InvalidParameter (parameter: the member, or "frame" for JSON that is none) or
// LimitExceeded (limit "depth"). `storage`: where the parameters are kept; make_secret_storage() where they
// may hold a secret.
Result<VarlinkCall> parse_call(std::string_view frame,
                               boost::json::storage_ptr storage = make_secret_storage());
Result<VarlinkReply> parse_reply(std::string_view frame,
                                 boost::json::storage_ptr storage = make_secret_storage());

// Whole frames, with their NUL. In replies and errors a byte that is not UTF-8 becomes "?".
WipedBuffer encode_call(const VarlinkCall& call);
WipedBuffer encode_reply(const boost::json::object& parameters, bool continues = false);
// The error's parameters and its "message".
WipedBuffer encode_error(const Error& error);

// What a reply says, for a client: its parameters, or the Error that the wire name stands for ("message" is
// taken out of the parameters).
Result<boost::json::object> reply_result(VarlinkReply reply);

// How large a frame may be, its NUL not counted.
struct FrameLimits {
  std::size_t size = 256 * 1024;
  // Frames that call one of these methods may have large_size. The name must stand, unescaped and in quotes,
  // within the frame's first `size` bytes; every common client writes "method" first.
  std::size_t large_size = 16 * 1024 * 1024;
  std::vector<std::string> large_methods;
};

// Cuts a stream of bytes into frames: reads may split and join them anywhere. Use: read into prepare(),
// commit() what was read, take frames with next() until there is none. Not thread safe.
class FrameSplitter {
 public:
  explicit FrameSplitter(FrameLimits limits);

  // Room for the next read: at least one byte, at most `wanted`. Valid until the next call of anything.
  std::span<char> prepare(std::size_t wanted);
  void commit(std::size_t count);

  // The oldest whole frame, without its NUL. LimitExceeded (limit "frame-size" or "metadata-frame-size") as
  // soon as the unfinished frame is too large; nothing can be read after that.
  Result<std::optional<WipedBuffer>> next();

  // Bytes held of a frame that is not finished. Only right after next() found none.
  std::size_t pending() const { return end_ - begin_; }
  // The unfinished frame is beyond `size` and may grow to `large_size`.
  bool large() const { return pending() > limits_.size; }

 private:
  Result<void> check_size(std::size_t size);
  WipedBuffer take(std::size_t size);

  FrameLimits limits_;
  WipedBuffer buffer_;  // [begin_, end_) is filled, [begin_, scanned_) has no NUL
  std::size_t begin_ = 0, scanned_ = 0, end_ = 0;
  bool large_method_ = false;  // of the unfinished frame
};

}  // namespace signet
