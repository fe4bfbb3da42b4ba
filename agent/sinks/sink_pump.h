// Keeps one sink up to date with the ledger, from the event loop: reads what was committed, behind the last
// record that the sink took, and has a thread of the sink's own deliver it. What waits is in the ledger
// alone, so nothing piles up here and nothing is lost, however long a sink fails.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "agent/config/config.h"
#include "agent/ledger/ledger.h"
#include "agent/sinks/record_feed.h"
#include "agent/sinks/record_sink.h"
#include "agent/sinks/sink_position.h"

namespace signet {

// What Status tells of a sink.
struct SinkState {
  std::string name, kind;
  bool failing = false;
  std::int64_t position = 0;  // the last record that it took
  std::int64_t failures = 0;  // deliveries that failed, since the start
  std::string error;          // the last failure's sentence, with its time; empty: there was none
};

// How long a failing sink is left alone: doubled from the first to the longest.
struct SinkPauses {
  std::chrono::milliseconds first{500}, longest{30'000};
};

// Lives on the event loop, held by its own coroutine; made with std::make_shared.
class SinkPump : public std::enable_shared_from_this<SinkPump> {
 public:
  SinkPump(const boost::asio::any_io_executor& executor, std::shared_ptr<RecordFeed> feed, SinkConfig config,
           std::unique_ptr<RecordSink> sink, const std::filesystem::path& state_directory,
           SinkPauses pauses = {});
  ~SinkPump();
  SinkPump(const SinkPump&) = delete;
  SinkPump& operator=(const SinkPump&) = delete;

  // Once. The ledger outlives stop().
  void start(Ledger& ledger);
  // The newest one is delivered, after the records that are waiting.
  void push_checkpoint(std::string note);
  // Nothing is read or delivered any more, but for what is being delivered.
  void stop();
  // It waits for new records: all that there were are delivered.
  bool idle() const { return idle_; }

  // Its thread is at work.
  bool busy() const { return busy_; }

  const SinkState& state() const { return state_; }

 private:
  using Steady = std::chrono::steady_clock;

  boost::asio::awaitable<void> run();
  boost::asio::awaitable<Result<void>> begin();
  boost::asio::awaitable<Result<bool>> step();
  boost::asio::awaitable<Result<void>> deliver(std::function<Result<void>(RecordSink&)> work);
  boost::asio::awaitable<void> pause();
  void failed(const Error& error);
  void recovered();
  void keep_position();

  boost::asio::any_io_executor executor_;
  const std::shared_ptr<RecordFeed> feed_;
  const SinkConfig config_;
  const std::shared_ptr<RecordSink> sink_;  // shared with the thread, which may outlive the pump
  const SinkPosition kept_;
  const SinkPauses pauses_;
  std::unique_ptr<boost::asio::thread_pool> thread_;
  boost::asio::steady_timer timer_;
  Ledger* ledger_ = nullptr;
  std::string ledger_id_;
  std::optional<std::string> checkpoint_;
  SinkState state_;
  std::chrono::milliseconds next_pause_;
  Steady::time_point last_shout_, last_kept_;
  std::int64_t kept_position_ = -1;
  bool busy_ = false, idle_ = true, stopping_ = false;
};

}  // namespace signet
