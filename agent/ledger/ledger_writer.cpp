#include "agent/ledger/ledger_writer.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>

namespace signet {

LedgerWriter::LedgerWriter(std::unique_ptr<LedgerStore> store, const LedgerOptions& options)
    : store_(std::move(store)),
      queue_limit_(options.queue),
      group_limit_(options.group),
      patience_(options.patience),
      on_commit_(options.on_commit),
      on_group_(options.on_group) {
  start();
}

LedgerWriter::~LedgerWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

// Signals are the main thread's (SIGTERM, SIGHUP), and a SIGXFSZ is to be an error of write(), no death.
void LedgerWriter::start() {
  sigset_t all, before;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { loop(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "ledger");
}

std::unique_ptr<LedgerCall> LedgerWriter::submit(std::unique_ptr<LedgerCall> call) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= queue_limit_ && !call->ends()) return call;
    if (!call->patient()) ++pressing_;
    queue_.push_back(std::move(call));
    wake = queue_.size() == 1 || worth_a_commit();  // one patient call more is no reason
  }
  if (wake) wake_.notify_one();
  return nullptr;
}

bool LedgerWriter::worth_a_commit() const {
  return stopping_ || pressing_ > 0 || queue_.size() >= group_limit_;
}

LedgerWriter::Group LedgerWriter::next_group() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  wake_.wait_for(lock, patience_, [this] { return worth_a_commit(); });
  const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), group_limit_));
  Group group(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.begin() + count));
  queue_.erase(queue_.begin(), queue_.begin() + count);
  pressing_ -= static_cast<std::size_t>(
      std::count_if(group.begin(), group.end(), [](const auto& call) { return !call->patient(); }));
  return group;
}

void LedgerWriter::loop() {
  for (Group group = next_group(); !group.empty(); group = next_group()) {
    run_group(group);
    for (const auto& call : group) call->complete();
  }
}

void LedgerWriter::run_group(Group& group) {
  std::vector<LedgerCall*> calls;
  for (const auto& call : group) calls.push_back(call.get());
  const bool writes =
      std::any_of(calls.begin(), calls.end(), [](const LedgerCall* call) { return call->writes(); });
  const auto error = attempt(calls, writes);
  if (!error && writes && on_commit_) on_commit_();
  if (on_group_) on_group_(calls.size(), !error);
  if (!error) return;
  // A disk that cannot be written can often still be read.
  for (LedgerCall* call : calls) {
    if (call->writes()) {
      call->fail(*error);
    } else if (const auto again = attempt({call}, false)) {
      call->fail(*again);
    }
  }
}

std::optional<Error> LedgerWriter::attempt(const std::vector<LedgerCall*>& calls, bool writes) {
  if (const auto begun = store_->begin_group(writes); !begun) return begun.error();
  for (LedgerCall* call : calls) call->run(*store_);
  if (const auto committed = store_->commit_group(); !committed) return committed.error();
  return std::nullopt;
}

}  // namespace signet
