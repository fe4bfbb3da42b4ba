// Calls that may hang: into a file system that is not this machine's own (an anchor on a server that is
// gone). A call that hangs cannot be ended, so it has a thread of its own, and nobody waits for it for longer
// than his patience: neither the event loop nor the agent's end.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "protocol/result.h"

namespace signet {

// Calls into one place, one at a time. Lives on the event loop.
class OutsideCalls {
 public:
  // name: of the place, for messages: "file /srv/anchor/checkpoint".
  OutsideCalls(boost::asio::any_io_executor executor, std::string name, std::chrono::milliseconds patience);

  // Runs `work` on another thread and waits for its end. FileFault if that takes longer than the patience;
  // the work may then still be done, unseen, at any later time, so it must own all that it touches. FileFault
  // also while an earlier work has not ended: then `work` is not begun, and so nothing old ever follows upon
  // something new. Not to be called again before it has completed.
  boost::asio::awaitable<Result<void>> run(std::function<void()> work);

 private:
  struct Call;
  class Wait;
  Error hangs() const;

  boost::asio::any_io_executor executor_;
  const std::string name_;
  const std::chrono::milliseconds patience_;
  std::shared_ptr<Call> last_;
};

}  // namespace signet
