// What the writer's tests share: coroutines run to their end, calls in one line, and a writer that can be
// held.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "agent/ledger/ledger.h"
#include "agent/ledger/ledger_options.h"
#include "tests/agent/ledger/ledger_fixture.h"

namespace signet::test {

// Runs one coroutine to its end on a loop of its own; assertions stay on the test's thread.
void run_loop(std::function<boost::asio::awaitable<void>()> body);
// Reserve and finish with the signatures of all the request's keys.
boost::asio::awaitable<Result<void>> sign(Ledger& ledger, ReserveRequest request);
// A ledger with repository "a" and the keys of `count` delegations, each with its own.
boost::asio::awaitable<void> populate(Ledger& ledger, int count);
ReserveRequest request_of(int number, std::int64_t version);

struct Counts {
  std::atomic<int> groups{0}, failed_groups{0}, calls{0};
};

inline LedgerOptions counting(Counts& counts) {
  LedgerOptions options;
  options.on_group = [&counts](std::size_t calls, bool committed) {
    ++counts.groups;
    if (!committed) ++counts.failed_groups;
    counts.calls += static_cast<int>(calls);
  };
  return options;
}

// Holds the writer inside a group until released, so that a queue can be filled behind it.
class Gate {
 public:
  void wait_if_closed() {
    std::unique_lock lock(mutex_);
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !closed_; });
    waiting_ = false;
  }
  void close() { set(true); }
  void open() { set(false); }
  void await_waiting() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_; });
  }

 private:
  void set(bool closed) {
    const std::lock_guard lock(mutex_);
    closed_ = closed;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false, waiting_ = false;
};

}  // namespace signet::test
