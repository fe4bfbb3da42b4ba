// How coroutines of one event loop wait for each other, in order. Not thread safe: one loop, no locks.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <utility>

namespace signet {

// Waiting coroutines, first in, first out. The list may be destroyed while coroutines wait: they stay asleep
// until their deadline, so its owner wakes them first. Only a coroutine that really waits pays for it (one
// timer).
class WaitList {
 public:
  using Clock = std::chrono::steady_clock;

  explicit WaitList(boost::asio::any_io_executor executor);
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;

  // True when woken, false when `until` came first (the coroutine has then left the list).
  boost::asio::awaitable<bool> wait(Clock::time_point until = Clock::time_point::max());
  // Wakes the one that has waited longest; false if nobody waits. It runs later, from the loop.
  bool wake_one();
  void wake_all();
  std::size_t size() const;

 private:
  struct Waiter {
    Waiter(const boost::asio::any_io_executor& executor, Clock::time_point until) : timer(executor, until) {}
    boost::asio::steady_timer timer;
    bool woken = false;
  };
  using Queue = std::deque<std::shared_ptr<Waiter>>;

  boost::asio::any_io_executor executor_;
  // Shared with the waiting coroutines, which may outlive the list when the loop is torn down.
  std::shared_ptr<Queue> queue_;
};

// Mutual exclusion between coroutines; granted in the order of asking.
class CoroutineMutex {
 public:
  explicit CoroutineMutex(boost::asio::any_io_executor executor);

  // Released by its destructor. Must not outlive the mutex, save when the loop is torn down.
  class Guard {
   public:
    Guard(Guard&& other) noexcept : state_(std::move(other.state_)) {}
    Guard& operator=(Guard&& other) = delete;
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() { release(); }
    void release();

   private:
    friend class CoroutineMutex;
    struct State;
    explicit Guard(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };

  boost::asio::awaitable<Guard> lock();

 private:
  std::shared_ptr<Guard::State> state_;
};

}  // namespace signet
