// HostedToken: what happens after a failure, and around changes to the token.
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "agent/tokens/hosted_token.h"
#include "agent/tokens/pin_budget.h"

namespace signet {

namespace asio = boost::asio;

namespace {

// Before the same call is made once more for a fault that passes by itself.
constexpr std::chrono::milliseconds kRetryPause(20);

bool is_pin_refusal(const host::Fault& fault) {
  return fault.kind == host::FaultKind::Cryptoki &&
         (host::pin_refused(fault.ckr) || host::pin_locked(fault.ckr));
}

// The next step that this call may still take.
NextStep permitted_step(const host::Fault& fault, ReplayBudget& replays, bool removable) {
  const NextStep step = next_step(fault);
  if (replays.allows(step)) return step;
  if (!removable && replays.awaits_return(fault, ReplayBudget::Clock::now())) return step;
  // A login that went well and changed nothing: the module has lost its footing (OpenSC after a failed
  // signature).
  if (step == NextStep::LogInAgain && replays.allows(NextStep::RestartHost)) return NextStep::RestartHost;
  return NextStep::Fail;
}

}  // namespace

// The host sent the PIN that it keeps once more, and the token refused it: it was changed elsewhere.
asio::awaitable<void> HostedToken::pin_was_refused() {
  forget_login("its PIN was changed elsewhere");
  const CoroutineMutex::Guard guard = co_await mutex_.lock();  // not amid another login's attempt
  co_await budget_->refused_later(pin_budget_id(listed_.description));
}

asio::awaitable<std::optional<Error>> HostedToken::mend(host::Fault fault, const Try& tried,
                                                        ReplayBudget& replays, const FaultContext& about) {
  if (is_pin_refusal(fault)) {
    co_await pin_was_refused();
    // Whoever changed it may have told the token's PIN source.
    if (source_ && !host::pin_locked(fault.ckr) && replays.allows(NextStep::LogInAgain))
      co_return std::nullopt;
    co_return to_error(fault, about);
  }
  const std::string why =
      fault.call.empty() ? "it was lost" : fault.call + " failed with " + host::ckr_name(fault.ckr);
  const NextStep step = permitted_step(fault, replays, listed_.description.removable);
  switch (step) {
    case NextStep::Fail:
      // Only a new process is sound after such a failure, whoever asks next.
      if (fault.klass == host::CkrClass::RestartHost) give_up_host(tried.pool, why);
      co_return to_error(fault, about);
    case NextStep::Again: {
      asio::steady_timer pause(executor_, kRetryPause);
      co_await pause.async_wait(asio::use_awaitable);
      break;
    }
    case NextStep::AnotherSession:
      break;  // the one that failed is closed
    case NextStep::LogInAgain:
      // Unless somebody has logged in since: then the call just came too early.
      if (tried.epoch == epoch_) forget_login("the token has ended its login (" + why + ")");
      break;
    case NextStep::RestartHost:
      give_up_host(tried.pool, why);
      break;
    case NextStep::AnotherHost:
      if (tried.pool && tried.pool == pool_) forget_pool("it was removed");
      if (own_slot_) {
        slot_->stop("the token is not there");
      } else {
        slot_->let_go();
      }
      break;
  }
  co_return std::nullopt;
}

std::optional<Error> HostedToken::mend_lost(const HostLost& lost, ReplayBudget& replays,
                                            const FaultContext& about) {
  if (pool_ && !pool_->usable()) forget_pool(lost.why);
  if (lost.kind == HostLost::Kind::Deadline || !replays.allows_lost_host()) return to_error(lost, about);
  return std::nullopt;
}

HostedToken::Drained::Drained(CoroutineMutex::Guard guard, std::shared_ptr<SessionPool> pool)
    : guard_(std::move(guard)), pool_(std::move(pool)) {}

HostedToken::Drained::~Drained() {
  if (pool_) pool_->resume();
}

asio::awaitable<HostedToken::Drained> HostedToken::drained() {
  const auto self = shared_from_this();
  CoroutineMutex::Guard guard = co_await mutex_.lock();
  const std::shared_ptr<SessionPool> pool = pool_;
  if (pool && pool->usable()) co_await pool->pause();
  co_return Drained(std::move(guard), pool);
}

asio::awaitable<void> HostedToken::go_on_with(const Drained&, Secret pin) {
  const auto self = shared_from_this();
  const bool was_unlocked = unlocked();
  co_await end_login("its PIN was changed");
  // A software token's process may hold on to the PIN of before (SoftHSM, measured): the other tokens keep
  // theirs.
  if (!own_slot_) slot_->let_go();
  retry_source_ = {};
  if (!was_unlocked) co_return;
  const Ready opened = co_await open_pool();
  if (!std::holds_alternative<std::shared_ptr<SessionPool>>(opened)) co_return;
  if (login_required_) co_await log_in_with(pin, PinGiver::Person);
}

asio::awaitable<void> HostedToken::replace_host(const Drained&, Secret pin) {
  const auto self = shared_from_this();
  if (!own_slot_) co_return;  // shared modules (SoftHSM, network HSMs) see new objects at once
  const bool was_unlocked = unlocked();
  if (pool_) pool_->host()->stop("the token was changed; a new host reads it anew");
  forget_pool("its host was replaced after a change to the token");
  if (!was_unlocked) co_return;
  Ready opened = co_await open_pool();
  if (!std::holds_alternative<std::shared_ptr<SessionPool>>(opened)) co_return;
  // If that fails the token is locked, and the next call says so.
  if (login_required_) co_await log_in_with(pin, PinGiver::Person);
}

}  // namespace signet
