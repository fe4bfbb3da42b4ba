// One running token host: its process, its connections, and the deadlines of the calls that are in flight on
// it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "agent/config/config.h"
#include "agent/tokens/child_process.h"
#include "agent/tokens/host_connection.h"
#include "agent/tokens/wait_list.h"
#include "pkcs11/host_frame.h"
#include "protocol/result.h"

namespace signet {

struct HostLaunch {
  std::filesystem::path program;
  host::Mode mode = host::Mode::Token;
  ModuleConfig module;
  std::string about;  // for messages and the log: "token host of \"release\"", "scout of module softhsm"
};

// What is going on in all hosts of one module: while a token waits for a person's touch, its module may
// answer nobody, in no process (measured on ykcs11), and that is no hang.
struct ModuleLoad {
  int signing = 0;
};

// How long a call may take. `patience` is added while the module signs elsewhere.
struct CallLimit {
  CallLimit(std::chrono::milliseconds deadline_in, std::chrono::milliseconds patience_in,
            bool signing_in = false)
      : deadline(deadline_in), patience(patience_in), signing(signing_in) {}
  std::chrono::milliseconds deadline, patience;
  bool signing;  // this call is what others have patience for
};

// The limits of each kind of call, from the module's configuration.
CallLimit discovery_limit(const Deadlines& deadlines);
CallLimit login_limit(const Deadlines& deadlines);
CallLimit sign_limit(const Deadlines& deadlines);
CallLimit generate_limit(const Deadlines& deadlines);

// Runs on one event loop; not thread safe. Lives in a shared_ptr: the coroutine that reaps the process holds
// one.
class HostProcess : public std::enable_shared_from_this<HostProcess> {
 public:
  // Internal if the program cannot be started. The process is up, the module is loaded by the first
  // connect().
  static Result<std::shared_ptr<HostProcess>> start(boost::asio::any_io_executor executor, HostLaunch launch,
                                                    std::shared_ptr<ModuleLoad> load);

  using Connected = std::variant<std::unique_ptr<HostConnection>, host::Fault, HostLost>;
  // A new connection over which Hello went well; `hello` gets the host's answer. The first one loads the
  // module.
  boost::asio::awaitable<Connected> connect(CallLimit limit, host::HelloReply* hello = nullptr);

  // One call within its limit; `request` must live until it completes. A host that passes a deadline or
  // breaks the protocol is killed.
  boost::asio::awaitable<HostAnswer> call(HostConnection& connection, const host::Request& request,
                                          CallLimit limit);

  // Ends it: calls in flight get HostLost::Stopped with `why` at once; the process may log its token out
  // (C_Finalize) and is killed if it is not gone in a second. May be called twice.
  void stop(std::string why);
  // The same, killed at once; for destructors, which may run while the loop is torn down and start nothing on
  // it.
  void abandon(std::string why);
  bool ended() const { return ended_; }
  // Pools count themselves in and out. After end_when_unused() the process ends with the last of them.
  void add_user() { ++users_; }
  void remove_user();
  void end_when_unused();
  // Why it ended, for people.
  const std::string& why() const { return why_; }
  // It ended without being told to (it crashed, hung or broke the protocol).
  bool failed() const { return failed_; }
  // Completes when the process is gone and reaped, or at `until`.
  boost::asio::awaitable<void> gone(WaitList::Clock::time_point until = WaitList::Clock::time_point::max());

  pid_t pid() const { return pid_; }
  const HostLaunch& launch() const { return launch_; }

 private:
  struct InFlight;
  HostProcess(boost::asio::any_io_executor executor, HostLaunch launch, std::shared_ptr<ModuleLoad> load,
              ChildProcess child, FileDescriptor control);
  boost::asio::awaitable<void> reap();
  enum class Ending { Told, Failed, Abandoned };
  void end(std::string why, Ending ending);
  void watch(WaitList::Clock::time_point until);
  void check_deadlines();
  boost::asio::awaitable<void> see_end(std::string symptom);
  HostLost lost(HostLost seen, bool expired) const;

  boost::asio::any_io_executor executor_;
  HostLaunch launch_;
  std::shared_ptr<ModuleLoad> load_;
  ChildProcess child_;
  FileDescriptor control_;
  pid_t pid_;
  std::vector<InFlight*> in_flight_;
  // One timer for all calls: it is set to the earliest deadline and looks again when it fires, so that a call
  // that ends in time costs no timer at all.
  boost::asio::steady_timer timer_;
  WaitList::Clock::time_point armed_ = WaitList::Clock::time_point::max();
  int users_ = 0;
  bool unwanted_ = false;
  bool ended_ = false, failed_ = false, reaped_ = false;
  std::string why_;
  WaitList gone_;
};

}  // namespace signet
