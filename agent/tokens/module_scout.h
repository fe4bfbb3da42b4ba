// Discovery: a host of a module that never logs in and says which tokens there are.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "agent/tokens/host_slot.h"
#include "agent/tokens/wait_list.h"

namespace signet {

struct ScoutReport {
  bool usable = false;
  std::string why = "it has not been asked yet";  // where not usable
  std::vector<host::SlotDescription> slots;       // of the last time that it answered
};

// Runs on one event loop; not thread safe. Lives in a shared_ptr: its coroutine holds one.
class ModuleScout : public std::enable_shared_from_this<ModuleScout> {
 public:
  ModuleScout(boost::asio::any_io_executor executor, HostLaunch launch, std::shared_ptr<ModuleLoad> load);

  // Begins to ask, unless that is under way already.
  void begin();
  // Completes when the answer is there, or the module's discovery deadline has passed: a module that waits
  // behind a touch is not killed for that, and what it said last still holds. False then.
  boost::asio::awaitable<bool> finished();
  const ScoutReport& report() const { return report_; }

  // Ends the host; the next begin() starts a new one, which sees what the old one may have cached.
  void restart(std::string why);
  // Ends the host, and starts none for an answer that is under way: the next begin() does.
  void rest(std::string why);
  void close(std::string why) { slot_.close(std::move(why)); }

 private:
  boost::asio::awaitable<void> ask();
  boost::asio::awaitable<bool> ask_once();
  void failed(const std::string& why);

  boost::asio::any_io_executor executor_;
  Deadlines deadlines_;
  HostSlot slot_;
  std::shared_ptr<HostProcess> host_;  // the one that connection_ goes to
  std::unique_ptr<HostConnection> connection_;
  bool asking_ = false, resting_ = false;
  WaitList done_;
  ScoutReport report_;
};

}  // namespace signet
