// The one thread that touches the database. Calls wait in a queue; all that wait when the thread is free run
// as one group and share one COMMIT (so that 64 callers cost one fsync, not 64); then all of them complete.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "agent/ledger/ledger_store.h"

namespace signet {

// A call on its way through the writer. run(), fail() and complete() are called on the writer's thread.
class LedgerCall {
 public:
  virtual ~LedgerCall() = default;
  // Calls that only read may run twice: again alone, when the group that they were in could not be committed.
  virtual bool writes() const = 0;
  // It ends what was begun: accepted even by a full queue.
  virtual bool ends() const = 0;
  // Nobody waits for it: it joins the next group, at most LedgerOptions::patience later.
  virtual bool patient() const = 0;
  virtual void run(LedgerStore& store) = 0;
  virtual void fail(const Error& error) = 0;
  virtual void complete() = 0;  // once, last
};

// Thread safe. Destroying it runs what is queued, completes it, and joins the thread.
class LedgerWriter {
 public:
  LedgerWriter(std::unique_ptr<LedgerStore> store, const LedgerOptions& options);
  ~LedgerWriter();
  LedgerWriter(const LedgerWriter&) = delete;
  LedgerWriter& operator=(const LedgerWriter&) = delete;

  // Takes the call; or gives it back, untouched, when the queue is full.
  std::unique_ptr<LedgerCall> submit(std::unique_ptr<LedgerCall> call);

 private:
  using Group = std::vector<std::unique_ptr<LedgerCall>>;

  void start();
  void loop();
  Group next_group();           // empty: the end
  bool worth_a_commit() const;  // mutex_ is held
  void run_group(Group& group);
  std::optional<Error> attempt(const std::vector<LedgerCall*>& calls, bool writes);

  const std::unique_ptr<LedgerStore> store_;  // the thread's alone
  const std::size_t queue_limit_, group_limit_;
  const std::chrono::milliseconds patience_;
  const std::function<void()> on_commit_;
  const std::function<void(std::size_t, bool)> on_group_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<LedgerCall>> queue_;  // under mutex_
  std::size_t pressing_ = 0;                       // of queue_, not patient; under mutex_
  bool stopping_ = false;                          // under mutex_
  std::thread thread_;                             // last: it uses the others
};

}  // namespace signet
