#include "agent/tokens/hosted_token.h"

#include <spdlog/spdlog.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "agent/tokens/hosted_token_use.h"
#include "agent/tokens/pin_budget.h"
#include "agent/tokens/pin_source.h"

namespace signet {

namespace asio = boost::asio;
using Clock = WaitList::Clock;

namespace {

// A source whose PIN was refused, or which gave none, is not asked again for that long.
constexpr std::chrono::seconds kSourceRest(2);

// How long an unlocking waits for a token that was there a moment ago, and how often it looks.
constexpr std::chrono::seconds kReturnTime(2);
constexpr std::chrono::milliseconds kReturnPause(100);

bool names_pin(const Error& error) {
  const auto* parameter = error.parameters.if_contains("parameter");
  return error.name == ErrorName::InvalidParameter && parameter != nullptr && *parameter == "pin";
}

// Errors that come from the source, not from the token.
bool blames_source(const Error& error) {
  return error.name == ErrorName::PinRefused || error.name == ErrorName::PinRequired;
}

}  // namespace

HostedToken::HostedToken(asio::any_io_executor executor, std::shared_ptr<const ModuleConfig> config,
                         std::shared_ptr<HostSlot> slot, std::shared_ptr<ModuleLoad> load, ListedToken listed,
                         std::shared_ptr<PinBudget> budget, std::shared_ptr<PinPrompt> prompt,
                         CardAccess card)
    : executor_(executor),
      config_(std::move(config)),
      slot_(std::move(slot)),
      own_slot_(!config_->shared),
      load_(std::move(load)),
      listed_(std::move(listed)),
      budget_(std::move(budget)),
      prompt_(std::move(prompt)),
      card_(std::move(card)),
      touch_turns_(executor),
      mutex_(executor),
      login_required_(listed_.login_required),
      expiry_(executor),
      idle_(executor) {}

HostedToken::~HostedToken() {
  if (pool_) pool_->close();
}

FaultContext HostedToken::context() const {
  const TokenDescription& told = listed_.description;
  FaultContext about;
  about.token = told.name;
  about.label = told.label;
  about.serial = told.serial;
  return about;
}

LoginContext HostedToken::login_context() const {
  LoginContext login;
  login.about = context();
  login.budget_id = pin_budget_id(listed_.description);
  login.budget = budget_;
  if (listed_.description.removable) login.card = card_;
  // A person who types a PIN on the reader takes as long as one who is to touch it.
  login.limit = listed_.protected_path ? sign_limit(config_->deadlines) : login_limit(config_->deadlines);
  return login;
}

void HostedToken::refresh(ListedToken listed, std::optional<PinSource> source) {
  listed_ = std::move(listed);
  source_ = std::move(source);
}

std::shared_ptr<SessionPool> HostedToken::usable_pool() const {
  return pool_ && pool_->usable() && (logged_in_ || !login_required_) ? pool_ : nullptr;
}

void HostedToken::forget_login(const std::string& why) {
  if (logged_in_) locked_why_ = why;
  logged_in_ = false;
}

void HostedToken::forget_pool(const std::string& why) {
  const std::shared_ptr<HostProcess> held = logged_in_ && pool_ ? pool_->host() : nullptr;
  const bool killed = held && held->failed();
  forget_login(killed ? why + ", and has forgotten the PIN" : why);
  if (pool_) pool_->close();
  pool_.reset();
  if (held) see_to_card(held, killed);
}

void HostedToken::give_up_host(const std::shared_ptr<SessionPool>& pool, const std::string& why) {
  if (!pool) return;
  slot_->fail(pool->host(), why);
  if (pool != pool_) return;
  const bool was_logged_in = logged_in_;
  forget_pool(why);
  if (was_logged_in) see_to_card(pool->host(), true);
}

std::shared_ptr<HostProcess> HostedToken::lock(std::string why) {
  std::shared_ptr<HostProcess> process = pool_ ? pool_->host() : nullptr;
  if (!process && own_slot_) process = slot_->running();  // it is just being started
  forget_pool(why);
  if (process) process->stop(why);
  if (own_slot_) slot_->stop(std::move(why));
  return process;
}

std::shared_ptr<HostProcess> HostedToken::close(std::string why) {
  auto process = lock(why);
  slot_->close(std::move(why));
  return process;
}

// Starts the host if need be and opens a session, so that what the token asks for (a login or none) is known.
asio::awaitable<HostedToken::Ready> HostedToken::open_pool() {
  if (pool_ && pool_->usable()) co_return pool_;
  forget_pool(pool_ ? pool_->host()->why() : std::string());
  co_await settle_card();
  Ready first = co_await open_first_session();
  // A module that cannot lock serves one session in a process: such a token needs a process of its own.
  if (pool_ && pool_->single_session() && !own_slot_) {
    forget_pool("");
    slot_ = std::make_shared<HostSlot>(executor_, slot_->launch(), load_);
    own_slot_ = true;
    co_return co_await open_first_session();
  }
  co_return first;
}

asio::awaitable<HostedToken::Ready> HostedToken::open_first_session() {
  HostSlot::Host started = co_await slot_->get();
  if (auto* lost = std::get_if<HostLost>(&started)) co_return std::move(*lost);
  auto& process = std::get<std::shared_ptr<HostProcess>>(started);
  host::TokenIdentity identity;
  identity.label = listed_.description.label;
  identity.serial = listed_.description.serial;
  PoolLimits limits;
  limits.sessions = config_->sessions;
  limits.waiting = config_->queue;
  limits.patience = config_->deadlines.queue;
  const auto pool = std::make_shared<SessionPool>(executor_, process, identity, limits);
  pool_ = pool;
  SessionPool::Leased leased = co_await pool->lease();
  if (auto* fault = std::get_if<host::Fault>(&leased)) co_return std::move(*fault);
  if (auto* lost = std::get_if<HostLost>(&leased)) co_return std::move(*lost);
  login_required_ = pool->slot().login_required;
  co_return pool;
}

// To a pool that can sign. One caller at a time does the work; the others find it done.
asio::awaitable<HostedToken::Ready> HostedToken::bring_up(Secret* given) {
  const std::uint64_t attempts_seen = attempts_;
  const std::uint64_t starts_seen = starts_;
  const CoroutineMutex::Guard guard = co_await mutex_.lock();
  if (auto pool = usable_pool()) co_return pool;
  // Who waited while a start failed shares that: a deadline passes once for all, not once for each.
  if (failed_start_ && starts_ != starts_seen) co_return *failed_start_;
  Ready opened = co_await open_pool();
  ++starts_;
  failed_start_.reset();
  if (!std::holds_alternative<std::shared_ptr<SessionPool>>(opened)) {
    failed_start_ = opened;
    co_return opened;
  }
  if (!login_required_ || logged_in_) co_return opened;
  Result<void> done;
  if (given != nullptr) {
    done = co_await log_in_with(*given, PinGiver::Person);
  } else {
    done = co_await log_in_from_source(attempts_seen);
  }
  if (!done) co_return done.error();
  co_return opened;
}

asio::awaitable<Result<Secret>> HostedToken::pin_from_source() {
  if (!source_) co_return pin_required_error(listed_.description.name, locked_why_);
  if (source_->kind == PinSource::Kind::Pinentry)
    co_return co_await ask_for_pin(prompt_, listed_.description.name, "");
  co_return co_await read_pin(executor_, *source_, listed_.description.name, config_->deadlines.login);
}

asio::awaitable<Result<void>> HostedToken::log_in_by_source() {
  auto pin = co_await pin_from_source();
  if (!pin) co_return pin.error();
  co_return co_await log_in_with(*pin, PinGiver::Source);
}

// A person may mistype; after a few the budget, or this, says enough.
asio::awaitable<Result<void>> HostedToken::log_in_by_prompt() {
  std::string error;
  for (int prompt = 1;; ++prompt) {
    auto pin = co_await ask_for_pin(prompt_, listed_.description.name, error);
    if (!pin) co_return pin.error();
    const auto done = co_await log_in_with(*pin, PinGiver::Person);
    if (done || prompt == kMostPinPrompts || !worth_asking_again(done.error())) co_return done;
    error = done.error().message;
  }
}

asio::awaitable<Result<void>> HostedToken::log_in_from_source(std::uint64_t attempts_seen) {
  if (!source_) co_return pin_required_error(listed_.description.name, locked_why_);
  // Who waited while another tried shares the outcome: one login for all.
  if (last_attempt_ && (attempts_ != attempts_seen || Clock::now() < retry_source_)) co_return *last_attempt_;
  ++attempts_;
  last_attempt_.reset();
  const bool asks = source_->kind == PinSource::Kind::Pinentry;
  Result<void> done;
  if (asks) {
    done = co_await log_in_by_prompt();
  } else {
    done = co_await log_in_by_source();
  }
  if (done) co_return done;
  last_attempt_ = done.error();
  if (names_pin(*last_attempt_)) {  // a length that cannot be: but whoever needs the token gave no PIN
    last_attempt_ = pin_refused_error(listed_.description.name, listed_.description.pin,
                                      "its PIN source gives another's. " + last_attempt_->message);
  }
  if (blames_source(*last_attempt_)) retry_source_ = Clock::now() + kSourceRest;
  co_return *last_attempt_;
}

asio::awaitable<Result<void>> HostedToken::log_in_with(Secret& pin, PinGiver giver) {
  const std::shared_ptr<SessionPool> pool = pool_;
  SessionPool::Leased leased = co_await pool->lease();
  if (auto* fault = std::get_if<host::Fault>(&leased)) co_return to_error(*fault, context());
  if (auto* lost = std::get_if<HostLost>(&leased)) co_return to_error(*lost, context());
  if (auto* busy = std::get_if<PoolBusy>(&leased)) co_return busy_error(listed_.description.name, *busy);
  auto& lease = std::get<SessionLease>(leased);
  LoginContext login = login_context();
  login.giver = giver;
  Secret sent = pin.copy();
  LoginResult result = co_await log_in(lease.host(), lease.connection(), std::move(login), std::move(sent));
  auto* failed = std::get_if<LoginFailed>(&result);
  if (failed == nullptr || failed->tried) pin.wipe();
  if (failed != nullptr) {
    lease.drop();
    if (failed->host_useless)
      give_up_host(pool, "the " + lease.host().launch().about + " failed at the login");
    co_return std::move(failed->error);
  }
  if (!pool->usable()) {
    HostLost lost(pool->host()->why());
    lost.call = "C_Login";
    co_return to_error(lost, context());
  }
  logged_in_now();
  last_attempt_.reset();
  spdlog::info("Token \"{}\" is unlocked.", listed_.description.name);
  co_return Result<void>();
}

asio::awaitable<Result<void>> HostedToken::unlock_once(std::optional<Secret>& pin) {
  const FaultContext about = context();
  ReplayBudget replays;
  while (!usable_pool()) {
    Ready ready = co_await bring_up(pin ? &*pin : nullptr);
    if (auto* error = std::get_if<Error>(&ready)) co_return std::move(*error);
    std::optional<Error> final;
    if (auto* fault = std::get_if<host::Fault>(&ready)) {
      Try now;
      now.pool = pool_;
      now.epoch = epoch_;
      final = co_await mend(std::move(*fault), now, replays, about);
    } else if (auto* lost = std::get_if<HostLost>(&ready)) {
      final = mend_lost(*lost, replays, about);
    }
    if (final) co_return std::move(*final);
  }
  co_return Result<void>();
}

asio::awaitable<Result<void>> HostedToken::unlock(std::optional<Secret> pin, PinCache cache) {
  const auto self = shared_from_this();
  if (listed_.protected_path) pin = Secret();
  const auto until = Clock::now() + kReturnTime;
  for (;;) {
    const auto done = co_await unlock_once(pin);
    const bool unsent = pin && !pin->empty();
    if (done) {
      limit_login(cache);
      note_use();
    }
    if (done || done.error().name != ErrorName::TokenAbsent || !unsent || Clock::now() >= until)
      co_return done;
    // It was listed just now: plugged in again, a card takes pcscd and the module a moment. Whoever typed the
    // PIN is not asked for it again.
    if (!usable_pool()) {  // nobody else has unlocked it meanwhile
      forget_pool("it was removed");
      if (own_slot_) slot_->stop("the token was removed");
    }
    asio::steady_timer pause(executor_, kReturnPause);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

}  // namespace signet
