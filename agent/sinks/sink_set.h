// All sinks of an agent.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/sinks/sink_pump.h"

namespace signet {

// Lives on the event loop.
class SinkSet {
 public:
  SinkSet(const boost::asio::any_io_executor& executor, std::shared_ptr<RecordFeed> feed,
          const std::vector<SinkConfig>& sinks, const std::filesystem::path& state_directory);
  ~SinkSet();
  SinkSet(const SinkSet&) = delete;
  SinkSet& operator=(const SinkSet&) = delete;

  // When there is a ledger. It outlives this object.
  void attach(Ledger& ledger);
  std::vector<SinkState> states() const;
  // What takes a checkpoint's whole signed note to every sink. It may be called from any thread, and when
  // this object is gone, as long as the loop's context lives.
  std::function<void(std::string)> checkpoint_inlet() const;
  // A sink's thread is at work: perhaps it hangs. It cannot be ended, only left behind by ::_exit().
  bool busy() const;
  // Waits until all is delivered, at most so long; then delivers no more.
  boost::asio::awaitable<void> drain(std::chrono::milliseconds deadline);

 private:
  boost::asio::any_io_executor executor_;
  std::vector<std::shared_ptr<SinkPump>> pumps_;
};

}  // namespace signet
