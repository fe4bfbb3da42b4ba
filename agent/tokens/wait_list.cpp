#include "agent/tokens/wait_list.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace signet {

namespace asio = boost::asio;

WaitList::WaitList(asio::any_io_executor executor)
    : executor_(std::move(executor)), queue_(std::make_shared<Queue>()) {}

asio::awaitable<bool> WaitList::wait(Clock::time_point until) {
  auto waiter = std::make_shared<Waiter>(executor_, until);
  // Leaves the queue however the coroutine ends, also when its frame is destroyed with the loop.
  struct Leave {
    Leave(std::shared_ptr<Queue> queue_in, std::shared_ptr<Waiter> waiter_in)
        : queue(std::move(queue_in)), waiter(std::move(waiter_in)) {}
    ~Leave() {
      if (!waiter->woken) std::erase(*queue, waiter);
    }
    std::shared_ptr<Queue> queue;
    std::shared_ptr<Waiter> waiter;
  } leave(queue_, waiter);
  queue_->push_back(waiter);
  boost::system::error_code ignored;  // cancelled is how wake_one() speaks
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  co_return waiter->woken;
}

bool WaitList::wake_one() {
  if (queue_->empty()) return false;
  const std::shared_ptr<Waiter> first = std::move(queue_->front());
  queue_->pop_front();
  first->woken = true;
  first->timer.cancel();
  return true;
}

void WaitList::wake_all() {
  while (wake_one()) {
  }
}

std::size_t WaitList::size() const {
  return queue_->size();
}

struct CoroutineMutex::Guard::State {
  explicit State(asio::any_io_executor executor) : waiting(std::move(executor)) {}
  bool locked = false;
  WaitList waiting;
};

CoroutineMutex::CoroutineMutex(asio::any_io_executor executor)
    : state_(std::make_shared<Guard::State>(std::move(executor))) {}

asio::awaitable<CoroutineMutex::Guard> CoroutineMutex::lock() {
  const std::shared_ptr<Guard::State> state = state_;
  if (!state->locked) {
    state->locked = true;
  } else {
    co_await state->waiting.wait();  // release() hands the lock over: it stays locked
  }
  co_return Guard(state);
}

void CoroutineMutex::Guard::release() {
  if (!state_) return;
  if (!state_->waiting.wake_one()) state_->locked = false;
  state_.reset();
}

}  // namespace signet
