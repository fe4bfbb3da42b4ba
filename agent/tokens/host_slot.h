// Keeps one token host running for those who need it: started on need, again after a failure, ever later when
// it keeps failing.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <variant>

#include "agent/tokens/host_process.h"

namespace signet {

// How long to wait before the next start after `failures` failures in a row: nothing after the first, then
// 100 ms, doubled each time, at most 5 s.
std::chrono::milliseconds restart_delay(int failures);

// Runs on one event loop; not thread safe.
class HostSlot {
 public:
  HostSlot(boost::asio::any_io_executor executor, HostLaunch launch, std::shared_ptr<ModuleLoad> load);
  ~HostSlot();
  HostSlot(const HostSlot&) = delete;
  HostSlot& operator=(const HostSlot&) = delete;

  using Host = std::variant<std::shared_ptr<HostProcess>, HostLost>;
  // The running host, or a new one. Waits out a short restart delay; a long one is HostLost at once, with the
  // reason of the last failure.
  boost::asio::awaitable<Host> get();
  // The running host; null if there is none.
  std::shared_ptr<HostProcess> running() const;
  // A call went well: the failures before it are forgiven.
  void worked() { failures_ = 0; }
  // `host`, which came from here, is of no use (it answered with an error that only a restart mends): it
  // ends, and that counts as a failure.
  void fail(const std::shared_ptr<HostProcess>& host, std::string why);
  void stop(std::string why);
  // Ends the host and starts none any more.
  void close(std::string why);
  bool closed() const { return closed_; }
  // The running host goes on for the pools that use it and ends with the last of them; the next get() starts
  // another.
  void let_go();

  int failures() const { return failures_; }
  const HostLaunch& launch() const { return launch_; }

 private:
  void note_end();
  boost::asio::any_io_executor executor_;
  HostLaunch launch_;
  std::shared_ptr<ModuleLoad> load_;
  std::shared_ptr<HostProcess> host_;
  int failures_ = 0;
  bool closed_ = false;
  WaitList::Clock::time_point not_before_{};
  std::string last_failure_;
};

}  // namespace signet
