// A Varlink server of its own in a thread, with methods that tests can hold up.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "agent/varlink/listener.h"
#include "agent/varlink/server.h"
#include "raw_client.h"
#include "tests/agent/config/scratch.h"

namespace signet::test {

// interface org.signet.Agent (so that its large methods are the real ones):
//   Echo(text) -> (text)               allows oneway
//   Wait(text) -> (text)               holds until release(); counted in waiting()
//   Stream(count: int) -> (n: ?int)    with more: `count` events, then {}
//   NeedsMore() -> ()                  requires more
//   Fail() -> ()                       TokenAbsent(label, serial)
//   Throw() -> ()                      throws
//   Missing() -> ()                    declared, not implemented
//   Sum(numbers: []int, scale: ?int) -> (sum: int)
//   SignMetadata(signed) -> (size)     a large method
//   Unlock(token, pin: ?string) -> (size)   takes the PIN as handlers should
class ServerFixture {
 public:
  explicit ServerFixture(Limits limits = {}, PeerRule rule = {});
  ~ServerFixture();

  RawClient connect() const { return RawClient(socket()); }
  std::filesystem::path socket() const { return scratch_.path() / "run/agent.sock"; }

  int waiting() const { return waiting_; }  // calls of Wait that hold
  int done() const { return done_; }        // handlers that ran to their end
  void await_waiting(int count);            // throws after RawClient::kPatience
  void await_connections(std::size_t count);
  void release();  // all that wait, and all that will
  // Runs on the server's thread, and waits for it.
  void on_loop(const std::function<void()>& action);
  std::size_t connections();
  // Begins to drain; drained() says when it is through.
  void drain(std::chrono::milliseconds deadline);
  bool drained() const { return drained_; }
  Server& server() { return *server_; }
  // Holds the bench up: no large frame is parsed until what it returns is called, or destroyed.
  std::function<void()> hold_bench();

 private:
  MethodTable methods();

  Scratch scratch_;
  boost::asio::io_context loop_{1};
  Workbench bench_;
  IdlInterface idl_;
  Signal released_signal_{loop_.get_executor()};
  bool released_ = false;  // on the loop
  std::atomic<int> waiting_{0}, done_{0};
  std::atomic<bool> drained_{false};
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

// Polls until it holds; throws after RawClient::kPatience.
void eventually(const std::function<bool()>& condition, const char* what);

}  // namespace signet::test
