#include "agent/checkpoint/outside_calls.h"

#include <pthread.h>
#include <signal.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <system_error>
#include <thread>

namespace signet {

namespace asio = boost::asio;

// What the thread of one call and the event loop share.
struct OutsideCalls::Call {
  std::mutex mutex;
  bool ended = false;
  asio::steady_timer* waiting = nullptr;  // nobody waits, or the loop is gone: nothing is posted to it

  bool has_ended() {
    const std::lock_guard lock(mutex);
    return ended;
  }
  void end(const std::shared_ptr<Call>& self) {
    const std::lock_guard lock(mutex);
    ended = true;
    if (waiting == nullptr) return;
    // The timer is the loop's, and may be gone when the loop gets to this.
    asio::post(waiting->get_executor(), [self] {
      const std::lock_guard held(self->mutex);
      if (self->waiting != nullptr) self->waiting->cancel();
    });
  }
};

// While it lives, the call's end wakes the timer.
class OutsideCalls::Wait {
 public:
  Wait(std::shared_ptr<Call> call, const asio::any_io_executor& executor, std::chrono::milliseconds patience)
      : call_(std::move(call)), timer_(executor, patience) {
    const std::lock_guard lock(call_->mutex);
    call_->waiting = &timer_;
  }
  ~Wait() {
    const std::lock_guard lock(call_->mutex);
    call_->waiting = nullptr;
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  asio::steady_timer& timer() { return timer_; }

 private:
  std::shared_ptr<Call> call_;
  asio::steady_timer timer_;
};

namespace {

// A thread that nobody waits for; the loop's signals stay with the loop. False: the system gives none.
bool start_thread(std::function<void()> work) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  bool started = true;
  try {
    std::thread(std::move(work)).detach();
  } catch (const std::system_error&) {
    started = false;
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return started;
}

}  // namespace

OutsideCalls::OutsideCalls(asio::any_io_executor executor, std::string name,
                           std::chrono::milliseconds patience)
    : executor_(std::move(executor)), name_(std::move(name)), patience_(patience) {}

Error OutsideCalls::hangs() const {
  boost::json::object parameters{{"path", name_}, {"why", "hangs"}};
  return {ErrorName::FileFault,
          "The " + name_ + " does not answer within " + std::to_string(patience_.count()) +
              " ms. Is its file system there? It is asked again when the call that hangs has ended; that may "
              "take a restart of the agent.",
          std::move(parameters)};
}

asio::awaitable<Result<void>> OutsideCalls::run(std::function<void()> work) {
  if (last_ && !last_->has_ended()) co_return hangs();
  const auto call = std::make_shared<Call>();
  Wait wait(call, executor_, patience_);
  std::function<void()> task = [call, work = std::move(work)]() mutable {
    work();
    work = nullptr;  // what it owns goes before anybody hears of the end
    call->end(call);
  };
  if (!start_thread(std::move(task)))
    co_return Error(ErrorName::FileFault, "The " + name_ +
                                              " was not asked: the system gives no more threads. Raise the "
                                              "agent's TasksMax, or end what takes them.");
  last_ = call;
  boost::system::error_code woken;
  co_await wait.timer().async_wait(asio::redirect_error(asio::use_awaitable, woken));
  if (!call->has_ended()) co_return hangs();
  co_return Result<void>();
}

}  // namespace signet
