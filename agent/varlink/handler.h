// How a method of org.signet.Agent is given to the Varlink server: the contract between agent/varlink
// (framing, standard errors, limits, peers) and agent/service (what the methods do).
#pragma once

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "protocol/result.h"

namespace signet {

// Who is at the other end of a connection (SO_PEERCRED and SO_PEERGROUPS, taken once at accept).
// uid, gid and groups are the identity; pid is a hint for the record only: it can be reused.
struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups{};  // supplementary
};

// Streams events of one call that was made with "more". Lives as long as the call.
class EventSink {
 public:
  virtual ~EventSink() = default;
  // Whether the caller asked for "more". Without it a call that would have to wait for a person fails at
  // once.
  virtual bool wanted() const = 0;
  // Sends a reply with "continues": true. A closed connection is not an error here: the call is abandoned by
  // the server.
  virtual boost::asio::awaitable<void> send(boost::json::object parameters) = 0;
  // The client has left, or the agent is stopping: who waits for something to tell need not wait on. A stream
  // without an end of its own then returns its last reply.
  virtual bool over() const = 0;
  // Runs `wake` once over() may have become true. Replaces an earlier one; forgotten when the call ends.
  virtual void on_close(std::function<void()> wake) { (void)wake; }
  // Waits until what was sent has left for the client, which is how a stream keeps to its reader's pace.
  virtual boost::asio::awaitable<void> flushed() { co_return; }
};

// One call, parsed and within the limits. Its parameters are parsed in memory that is wiped when the call
// ends: a handler that keeps a PIN moves it into a signet::Secret.
struct Call {
  std::string method;  // short: "SignMetadata"
  const boost::json::object& parameters;
  Peer peer;
  EventSink& events;
};

// Runs on the agent's one event loop. The Result becomes the reply's "parameters", or the typed error.
// A connection that closes does not cancel a handler: it runs to its end and the result is dropped.
using Handler = std::function<boost::asio::awaitable<Result<boost::json::object>>(Call)>;

struct Method {
  Handler handler;
  bool allow_oneway = false;  // signing calls refuse it
  bool allow_more = false;    // else "more" is answered once, without "continues", as Varlink says
  bool require_more = false;  // a call without "more" gets ExpectedMore
};

// By short name. Filled once at start, then constant.
using MethodTable = std::map<std::string, Method, std::less<>>;

}  // namespace signet
