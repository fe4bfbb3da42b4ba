// A condition that coroutines of one event loop wait for. Not thread safe.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace signet {

// Wakes every coroutine that waits now. Use: while (!condition) co_await signal.wait();
class Signal {
 public:
  explicit Signal(const boost::asio::any_io_executor& executor)
      : timer_(executor, boost::asio::steady_timer::time_point::max()) {}

  boost::asio::awaitable<void> wait();
  void notify() { timer_.cancel(); }

 private:
  boost::asio::steady_timer timer_;
};

// Runs an action once unless it is disarmed (or destroyed) in time.
class Deadline {
 public:
  explicit Deadline(const boost::asio::any_io_executor& executor)
      : timer_(executor), round_(std::make_shared<std::uint64_t>(0)) {}
  ~Deadline() { ++*round_; }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  bool armed() const { return armed_; }
  void arm(std::chrono::milliseconds after, std::function<void()> action);
  void disarm() {
    if (!armed_) return;
    armed_ = false;
    ++*round_;
    timer_.cancel();
  }

 private:
  boost::asio::steady_timer timer_;
  std::shared_ptr<std::uint64_t> round_;
  bool armed_ = false;
};

}  // namespace signet
