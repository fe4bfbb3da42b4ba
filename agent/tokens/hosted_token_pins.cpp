// HostedToken: how long its PIN is kept, and how it is forgotten, by the agent and by the card.
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "agent/tokens/hosted_token_use.h"

namespace signet {

namespace asio = boost::asio;
using Clock = WaitList::Clock;
using std::chrono::seconds;

namespace {

// So long a host that failed may take to be gone, before its card is reset in spite of it.
constexpr std::chrono::milliseconds kGoneTime(1500);

std::string span_of(seconds span) {
  if (span.count() % 60 != 0) return std::to_string(span.count()) + " s";
  return std::to_string(span.count() / 60) + " min";
}

std::string why_forgotten(PinCache cache) {
  if (cache->count() == 0) return "the policy keeps its PIN for one signature only";
  return "the policy keeps its PIN for " + span_of(*cache) + " at most";
}

PinCache shorter(PinCache one, PinCache other) {
  if (!one || !other) return one ? one : other;
  return std::min(*one, *other);
}

}  // namespace

// --- the policy's limit ---

void HostedToken::logged_in_now() {
  logged_in_ = true;
  ++epoch_;
  login_time_ = Clock::now();
  login_used_ = false;
  login_cache_.reset();
  expires_ = Clock::time_point::max();
  locked_why_.clear();
}

// Right before a request goes to the token: whether the login may serve it. What serves it once serves its
// replays.
bool HostedToken::claim_login(Use& use, std::uint64_t epoch) {
  const bool uses_key = std::holds_alternative<host::SignRequest>(use.request);
  if (!login_required_ || !uses_key || use.claimed == epoch_) return true;
  const PinCache cache = shorter(use.cache, login_cache_);
  if (cache && epoch != epoch_) return false;
  const bool once = cache && cache->count() == 0;
  if (once && login_used_) return false;
  if (cache && !once && Clock::now() - login_time_ >= *cache) return false;
  login_used_ = true;
  use.claimed = epoch_;
  if (cache && !once) expire_by(login_time_ + *cache, why_forgotten(cache));
  return true;
}

void HostedToken::limit_login(PinCache cache) {
  if (!cache || !logged_in_) return;
  login_cache_ = shorter(cache, login_cache_);
  if (cache->count() != 0) expire_by(login_time_ + *cache, why_forgotten(cache));
}

void HostedToken::expire_by(Clock::time_point when, const std::string& why) {
  if (when >= expires_) return;
  expires_ = when;
  expiry_.expires_at(when);
  expiry_.async_wait([weak = weak_from_this(), epoch = epoch_, why](boost::system::error_code cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self || self->epoch_ != epoch) return;
    self->forget_pin_soon(epoch, why);
  });
}

asio::awaitable<void> HostedToken::end_stale_login(PinCache cache, std::uint64_t epoch) {
  const std::string why = why_forgotten(shorter(cache, login_cache_).value_or(seconds(0)));
  co_await forget_pin(epoch, why);
}

void HostedToken::after_use(const Use& use) {
  note_use();
  const PinCache cache = shorter(use.cache, login_cache_);
  if (!use.claimed || !cache || cache->count() != 0) return;
  // The answer does not wait for it: whoever else comes finds that the login was used.
  forget_pin_soon(*use.claimed, why_forgotten(cache));
}

void HostedToken::forget_pin_soon(std::uint64_t epoch, std::string why) {
  const auto self = shared_from_this();
  asio::co_spawn(
      executor_,
      [self, epoch, why = std::move(why)]() -> asio::awaitable<void> { return self->forget_pin(epoch, why); },
      asio::detached);
}

// When nobody uses the token any more; what was begun in time is not cut off.
asio::awaitable<void> HostedToken::forget_pin(std::uint64_t epoch, std::string why) {
  const auto self = shared_from_this();
  const CoroutineMutex::Guard guard = co_await mutex_.lock();
  if (epoch_ != epoch || !logged_in_) co_return;
  const std::shared_ptr<SessionPool> pool = pool_;
  if (pool && pool->usable()) co_await pool->pause();
  if (epoch_ == epoch && logged_in_) co_await end_login(std::move(why));
  if (pool) pool->resume();  // where somebody else was quicker, and it goes on
}

// --- being idle ---

void HostedToken::note_use() {
  last_used_ = Clock::now();
  if (config_->idle_release.count() == 0 || idle_armed_) return;
  idle_armed_ = true;
  watch_idleness();
}

void HostedToken::watch_idleness() {
  idle_.expires_at(last_used_ + config_->idle_release);
  idle_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self) return;
    if (self->pool_ && self->pool_->lent() > 0) self->last_used_ = Clock::now();
    if (Clock::now() < self->last_used_ + self->config_->idle_release) return self->watch_idleness();
    self->idle_armed_ = false;
    asio::co_spawn(
        self->executor_, [self]() -> asio::awaitable<void> { return self->release(); }, asio::detached);
  });
}

asio::awaitable<void> HostedToken::release() {
  const auto self = shared_from_this();
  const CoroutineMutex::Guard guard = co_await mutex_.lock();
  if (!pool_ || pool_->lent() > 0) co_return;
  const auto idle = std::chrono::ceil<seconds>(config_->idle_release);
  spdlog::info("Token \"{}\" was not used for {}: it is released.", listed_.description.name, span_of(idle));
  co_await end_login("it was not used for " + span_of(idle) + ", and released to other programs");
  if (released_) released_();
}

// --- forgetting ---

// With the token's own host its sessions and the PIN go; a host that serves other tokens too logs this one
// out.
asio::awaitable<void> HostedToken::end_login(std::string why) {
  const std::shared_ptr<HostProcess> process = pool_ ? pool_->host() : nullptr;
  if (own_slot_ || !process || process->ended()) {
    if (const auto ended = lock(std::move(why))) co_await ended->gone();
    co_return;
  }
  forget_pool(why);
  if (!co_await log_out(process)) process->stop(why);
}

// Over a connection of its own: the pool's may all be busy.
asio::awaitable<bool> HostedToken::log_out(std::shared_ptr<HostProcess> process) {
  const CallLimit limit = login_limit(config_->deadlines);
  HostProcess::Connected connected = co_await process->connect(limit);
  if (!std::holds_alternative<std::unique_ptr<HostConnection>>(connected)) co_return false;
  const auto connection = std::move(std::get<std::unique_ptr<HostConnection>>(connected));
  host::OpenRequest open;
  open.token.label = listed_.description.label;
  open.token.serial = listed_.description.serial;
  const host::Request binding(std::move(open));
  const HostAnswer bound = co_await process->call(*connection, binding, limit);
  if (!std::holds_alternative<host::Reply>(bound)) co_return false;
  const host::Request logout{host::LogoutRequest()};
  const HostAnswer done = co_await process->call(*connection, logout, limit);
  co_return std::holds_alternative<host::Reply>(done);
}

asio::awaitable<Result<void>> HostedToken::lock_whole(std::string why) {
  const auto self = shared_from_this();
  co_await end_login(std::move(why));
  if (const auto process = ending_) co_await process->gone(Clock::now() + kGoneTime);
  left_verified_ = false;
  // Its host has done that itself if it ended in peace, which nobody knows.
  co_return co_await forget_on_card();
}

asio::awaitable<Result<void>> HostedToken::forget_on_card() {
  if (!listed_.description.removable || listed_.reader.empty()) co_return Result<void>();
  co_return co_await reset_card(card_, listed_.reader, context());
}

// A host that held the login is on its way out: it resets the card when it goes, unless it crashed or was
// killed. `reset`: it did not.
void HostedToken::see_to_card(std::shared_ptr<HostProcess> process, bool reset) {
  if (!own_slot_ || !listed_.description.removable) return;
  ending_ = std::move(process);
  if (!reset) return;
  left_verified_ = true;
  const auto self = shared_from_this();
  asio::co_spawn(
      executor_,
      [self]() -> asio::awaitable<void> {
        const CoroutineMutex::Guard guard = co_await self->mutex_.lock();
        co_await self->settle_card();
      },
      asio::detached);
}

// Before the next host: a reset that comes later would end its login. mutex_ is held.
asio::awaitable<void> HostedToken::settle_card() {
  const std::shared_ptr<HostProcess> process = std::exchange(ending_, nullptr);
  if (process) co_await process->gone(Clock::now() + kGoneTime);
  if (!std::exchange(left_verified_, false) || logged_in_ || closed()) co_return;
  co_await forget_on_card();
}

}  // namespace signet
