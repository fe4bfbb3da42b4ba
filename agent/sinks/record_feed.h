// Tells coroutines of the event loop that the ledger has new records.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>

#include "agent/varlink/signal.h"

namespace signet {

// Made with std::make_shared: what is on its way to the loop keeps it alive.
class RecordFeed : public std::enable_shared_from_this<RecordFeed> {
 public:
  explicit RecordFeed(const boost::asio::any_io_executor& executor) : executor_(executor), news_(executor) {}

  // From any thread. Many at once wake the loop once.
  void committed();
  // The others on the loop alone. wake(): all that wait, to look whether they are still needed.
  void wake();
  // How often there were news.
  std::uint64_t count() const { return count_; }
  // Until there were more news than `seen`: take the count, look at the ledger, then wait. So none is missed.
  boost::asio::awaitable<void> wait(std::uint64_t seen);

 private:
  boost::asio::any_io_executor executor_;
  Signal news_;
  std::uint64_t count_ = 0;
  std::atomic<bool> on_its_way_{false};
};

}  // namespace signet
