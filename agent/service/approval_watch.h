// Wakes the calls that wait until a request is approved or denied. On the event loop only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <set>

namespace signet {

class ApprovalWatch {
 public:
  explicit ApprovalWatch(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  ApprovalWatch(const ApprovalWatch&) = delete;
  ApprovalWatch& operator=(const ApprovalWatch&) = delete;

  // Of all requests. Take it before you read what you will wait for a change of: then none is missed.
  std::uint64_t changes() const { return changes_; }
  void changed();
  // Returns when something has changed since `seen`, or at the end of `at_most`.
  boost::asio::awaitable<void> wait(std::uint64_t seen, std::chrono::seconds at_most);

 private:
  boost::asio::any_io_executor executor_;
  std::uint64_t changes_ = 0;
  std::set<boost::asio::steady_timer*> waiting_;
};

}  // namespace signet
