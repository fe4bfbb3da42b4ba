#include "agent/tokens/fair_queue.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>

namespace signet {

namespace asio = boost::asio;

// Lives in the frame of the coroutine that waits.
struct FairQueue::Waiter {
  Waiter(FairQueue& queue_in, TokenClient client_in, Clock::time_point until,
         std::shared_ptr<Errand> errand_in)
      : queue(queue_in), client(client_in), errand(std::move(errand_in)), timer(queue_in.executor_, until) {
    queue.add(*this);
    if (errand) errand->waiter_ = this;
  }
  // However the coroutine ends, also when its frame is destroyed with the loop.
  ~Waiter() {
    if (errand) errand->waiter_ = nullptr;
    if (!woken && !taken()) queue.remove(*this);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  bool taken() const { return errand && errand->taken_; }
  void wake() {
    woken = true;
    timer.cancel();
  }

  FairQueue& queue;
  const TokenClient client;
  const std::shared_ptr<Errand> errand;
  asio::steady_timer timer;
  std::list<Waiter*>::iterator place;
  bool woken = false;
};

FairQueue::User& FairQueue::user(uid_t uid) {
  const auto known = by_uid_.find(uid);
  if (known != by_uid_.end()) return *known->second;
  users_.emplace_back(uid);
  by_uid_.emplace(uid, std::prev(users_.end()));
  return users_.back();
}

FairQueue::Lane& FairQueue::lane(User& user, pid_t process) {
  const auto known = user.by_process.find(process);
  if (known != user.by_process.end()) return *known->second;
  user.lanes.emplace_back(process);
  user.by_process.emplace(process, std::prev(user.lanes.end()));
  return user.lanes.back();
}

void FairQueue::add(Waiter& waiter) {
  Lane& own = lane(user(waiter.client.uid), waiter.client.process);
  own.waiting.push_back(&waiter);
  waiter.place = std::prev(own.waiting.end());
  ++size_;
}

void FairQueue::remove(Waiter& waiter) {
  User& owner = user(waiter.client.uid);
  Lane& own = lane(owner, waiter.client.process);
  own.waiting.erase(waiter.place);
  --size_;
  drop_if_empty(owner, own);
}

void FairQueue::drop_if_empty(User& user, Lane& lane) {
  if (!lane.waiting.empty()) return;
  const auto place = user.by_process.find(lane.process);
  user.lanes.erase(place->second);
  user.by_process.erase(place);
  if (!user.lanes.empty()) return;
  const auto owner = by_uid_.find(user.uid);
  users_.erase(owner->second);
  by_uid_.erase(owner);
}

bool FairQueue::next_has_errand() const {
  return size_ > 0 && users_.front().lanes.front().waiting.front()->errand != nullptr;
}

bool FairQueue::wake_next() {
  if (size_ == 0) return false;
  User& next_user = users_.front();
  Lane& next_lane = next_user.lanes.front();
  Waiter& waiter = *next_lane.waiting.front();
  // To the end of both rows, for the next turn.
  users_.splice(users_.end(), users_, users_.begin());
  next_user.lanes.splice(next_user.lanes.end(), next_user.lanes, next_user.lanes.begin());
  remove(waiter);
  waiter.wake();
  return true;
}

// The next call of the first of the user's processes whose errand fits; that process is the last from then
// on.
std::shared_ptr<FairQueue::Errand> FairQueue::take_from(User& user,
                                                        const std::function<bool(const Errand&)>& fits) {
  for (auto place = user.lanes.begin(); place != user.lanes.end(); ++place) {
    Waiter& waiter = *place->waiting.front();
    if (!waiter.errand || !fits(*waiter.errand)) continue;
    user.lanes.splice(user.lanes.end(), user.lanes, place);
    waiter.errand->taken_ = true;
    std::shared_ptr<Errand> errand = waiter.errand;
    remove(waiter);
    return errand;
  }
  return nullptr;
}

FairQueue::Errands FairQueue::take(std::size_t most, const std::function<bool(const Errand&)>& fits) {
  Errands taken;
  for (bool any = true; any && taken.size() < most;) {
    any = false;
    for (auto place = users_.begin(); place != users_.end() && taken.size() < most;) {
      User& user = *place++;  // it is dropped with its last call
      if (auto errand = take_from(user, fits)) {
        taken.push_back(std::move(errand));
        any = true;
      }
    }
  }
  return taken;
}

void FairQueue::finish(Errand& errand) {
  if (errand.waiter_ != nullptr) errand.waiter_->wake();
}

void FairQueue::wake_all() {
  while (wake_next()) {
  }
}

asio::awaitable<bool> FairQueue::wait(TokenClient client, Clock::time_point until,
                                      std::shared_ptr<Errand> errand) {
  Waiter waiter(*this, client, until, std::move(errand));
  boost::system::error_code ignored;  // cancelled is how wake() speaks
  co_await waiter.timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  while (waiter.taken() && !waiter.woken) {  // its time is up, but somebody is at it
    waiter.timer.expires_at(Clock::time_point::max());
    co_await waiter.timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return waiter.woken;
}

}  // namespace signet
