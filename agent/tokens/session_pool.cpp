#include "agent/tokens/session_pool.h"

#include <algorithm>
#include <thread>

#include "agent/tokens/turn_size.h"

namespace signet {

namespace asio = boost::asio;

namespace {

// Some longest turns of a token that is quick enough to be used by few sessions only.
constexpr std::chrono::milliseconds kStall(20);
constexpr std::uint64_t kCkrSessionCount = 0xB1;  // PKCS #11 v2.40, 4.2

bool hangs(const std::shared_ptr<PooledSession>& session) {
  return ServiceTime::Clock::now() - session->since > kStall;
}

}  // namespace

SessionLease::SessionLease(std::shared_ptr<SessionPool> pool, std::shared_ptr<PooledSession> session)
    : pool_(std::move(pool)), session_(std::move(session)) {
  if (session_->calls++ == 0) session_->since = ServiceTime::Clock::now();
  session_->turn = 1;
  ++pool_->under_way_;
}

SessionLease::~SessionLease() {
  if (pool_) pool_->give_back(session_, turn_, signed_);
}

void SessionLease::will_serve(std::size_t count) {
  pool_->under_way_ += count - turn_;
  session_->turn = turn_ = count;
}

HostProcess& SessionLease::host() {
  return *pool_->host_;
}

SessionPool::SessionPool(asio::any_io_executor executor, std::shared_ptr<HostProcess> host,
                         host::TokenIdentity token, PoolLimits limits)
    : executor_(executor),
      host_(std::move(host)),
      token_(std::move(token)),
      limits_(limits),
      most_(std::max<std::size_t>(limits.sessions, 1)),
      waiting_(executor),
      stall_(executor),
      quiet_(executor) {
  host_->add_user();
}

HostLost SessionPool::stopped() const {
  return HostLost(host_->ended() ? host_->why() : "the sessions of the token were closed",
                  host_->failed() ? HostLost::Kind::Died : HostLost::Kind::Stopped);
}

// Closed: permits do not matter any more.
asio::awaitable<SessionPool::Permit> SessionPool::take_permit(const LeaseAsk& ask) {
  if (in_use() >= most_) regrow();
  grant(1);
  if (!must_wait(ask.shares)) {
    ++lent_;
    co_return Permit::Granted;
  }
  watch_for_stall();
  const bool granted =
      co_await waiting_.wait(ask.client, FairQueue::Clock::now() + limits_.patience, ask.errand);
  if (ask.errand && ask.errand->taken()) co_return Permit::NotNeeded;
  if (closed_) co_return Permit::Closed;
  if (!granted) co_return Permit::Late;
  --granted_;  // grant() has counted the permit for us
  co_return Permit::Granted;
}

FairQueue::Errands SessionPool::take_errands(const std::function<bool(const FairQueue::Errand&)>& fits) {
  // Where one turn follows another, all calls of all clients are shared out over both: one of few after one
  // of many would leave the session with nothing to do while the many are answered.
  const std::size_t sessions = useful(true);
  const std::size_t turn =
      is_quick() ? shared_turn_size(waiting_.size() + under_way_, 2 * sessions, service_time_.average())
                 : shared_turn_size(waiting_.size() + 1, sessions, service_time_.average());
  return turn > 1 ? waiting_.take(turn - 1, fits) : FairQueue::Errands();
}

// --- how many at a time ---

bool SessionPool::is_quick() const {
  return is_quick_work(service_time_.least(), service_time_.processor()) && service_time_.average() < kStall;
}

std::size_t SessionPool::useful(bool shares) const {
  if (!is_quick()) return most_;
  static const std::size_t processors = std::thread::hardware_concurrency();
  return shares ? useful_shared_sessions(most_, processors, service_time_.least())
                : useful_sessions(most_, processors);
}

// For calls that have one alone. A quick token's session that does not come back hangs, perhaps: another one
// is used in its place.
std::size_t SessionPool::free_sessions(bool shares) const {
  const std::size_t most = useful(shares), all = in_use();
  const auto hung = is_quick() ? static_cast<std::size_t>(std::ranges::count_if(busy_, hangs)) : 0;
  return std::min(most - std::min(most, all - hung), most_ - std::min(most_, all));
}

// Whether one more of `waiting` calls can have a session, alone or behind another call. Calls that can share
// a turn follow one when they are as many as it has signatures: else each would follow alone.
bool SessionPool::has_room(bool shares, std::size_t waiting) const {
  const std::size_t free = free_sessions(shares);
  if (granted_ < free) return true;
  if (!is_quick()) return false;
  const auto can_be_followed = [&](const std::shared_ptr<PooledSession>& session) {
    return session->calls == 1 && !session->dropped && (!shares || session->turn <= waiting) &&
           !hangs(session);
  };
  return static_cast<std::size_t>(std::ranges::count_if(busy_, can_be_followed)) > granted_ - free;
}

bool SessionPool::must_wait(bool shares) const {
  return paused_ || waiting_.size() > 0 || !has_room(shares, waiting_.size() + 1);
}

void SessionPool::grant(std::size_t arriving) {
  while (!paused_ && !closed_ && waiting_.size() > 0 &&
         has_room(waiting_.next_has_errand(), waiting_.size() + arriving)) {
    waiting_.wake_next();
    ++lent_;
    ++granted_;
  }
}

// For whoever has a permit; null: a new one is to be opened.
std::shared_ptr<PooledSession> SessionPool::choose(bool shares) {
  if (free_sessions(shares) == 0) {
    if (auto session = follow()) return session;
  }
  if (idle_.empty()) return nullptr;
  busy_.push_back(std::move(idle_.back()));
  idle_.pop_back();
  return busy_.back();
}

// The session with the fewest calls.
std::shared_ptr<PooledSession> SessionPool::follow() {
  std::shared_ptr<PooledSession> best;
  for (const std::shared_ptr<PooledSession>& session : busy_)
    if (!session->dropped && !hangs(session) && (!best || session->calls < best->calls)) best = session;
  return best;
}

// Those that wait for sessions which hang go on with others, also if nothing else happens.
void SessionPool::watch_for_stall() {
  if (watching_ || !is_quick()) return;
  watching_ = true;
  stall_.expires_after(kStall);
  stall_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self) return;
    self->watching_ = false;
    self->grant();
    if (self->waiting_.size() > 0) self->watch_for_stall();
  });
}

void SessionPool::regrow() {
  if (most_ >= limits_.sessions || single_session_ || FairQueue::Clock::now() < regrow_at_) return;
  regrow_at_ = FairQueue::Clock::now() + kRegrowPause;
  ++most_;
}

PoolBusy SessionPool::busy(bool late) const {
  PoolBusy told;
  told.late = late;
  told.waiting = waiting_.size();
  told.retry_after = retry_after(waiting_.size(), most_, service_time_.average());
  return told;
}

void SessionPool::release_permit() {
  --lent_;
  grant();
  if (lent_ == 0) quiet_.wake_all();
}

void SessionPool::give_back(const std::shared_ptr<PooledSession>& session, std::size_t turn,
                            const SignedByLease& made) {
  under_way_ -= turn;
  const auto now = ServiceTime::Clock::now();
  const auto lasted = now - std::exchange(session->since, now);
  const auto count = static_cast<std::int64_t>(made.count);
  if (count > 0)
    service_time_.add_signature(lasted / count, made.processor / count);
  else
    service_time_.add(lasted);
  if (--session->calls == 0) {
    if (!session->dropped && usable()) idle_.push_back(session);
    std::erase(busy_, session);
  }
  release_permit();
}

asio::awaitable<SessionPool::Leased> SessionPool::lease(LeaseAsk ask) {
  const auto self = shared_from_this();
  if (!usable()) co_return stopped();
  if (waiting_.size() >= limits_.waiting) co_return busy(false);
  for (;;) {
    const Permit permit = co_await take_permit(ask);
    if (permit == Permit::NotNeeded) co_return ServedByAnother();
    if (permit == Permit::Closed) co_return stopped();
    if (permit == Permit::Late) co_return busy(true);
    if (!usable()) {
      release_permit();
      co_return stopped();
    }
    if (auto session = choose(ask.shares)) co_return SessionLease(self, std::move(session));
    ++opening_;
    Opened opened = co_await open();
    --opening_;
    if (auto* connection = std::get_if<std::unique_ptr<HostConnection>>(&opened)) {
      busy_.push_back(std::make_shared<PooledSession>(std::move(*connection)));
      co_return SessionLease(self, busy_.back());
    }
    auto* fault = std::get_if<host::Fault>(&opened);
    const bool again = fault != nullptr && learn_from(*fault);
    release_permit();
    if (again) continue;  // there are other sessions: one of them will do
    if (fault != nullptr) co_return std::move(*fault);
    co_return std::move(std::get<HostLost>(opened));
  }
}

// CKR_SESSION_COUNT tells how many sessions there can be: those that there are. False if there are none.
bool SessionPool::learn_from(const host::Fault& fault) {
  if (fault.kind != host::FaultKind::Cryptoki || fault.ckr != kCkrSessionCount) return false;
  const std::size_t alive = busy_.size() + idle_.size();
  if (alive == 0) return false;
  most_ = std::min(most_, alive);
  regrow_at_ = FairQueue::Clock::now() + kRegrowPause;
  return true;
}

asio::awaitable<SessionPool::Opened> SessionPool::open() {
  const CallLimit limit = login_limit(host_->launch().module.deadlines);
  host::HelloReply hello;
  HostProcess::Connected connected = co_await host_->connect(limit, &hello);
  if (auto* fault = std::get_if<host::Fault>(&connected)) co_return std::move(*fault);
  if (auto* lost = std::get_if<HostLost>(&connected)) co_return std::move(*lost);
  auto connection = std::move(std::get<std::unique_ptr<HostConnection>>(connected));
  library_ = hello.manufacturer + " " + hello.description;
  if (hello.single_session) {
    single_session_ = true;
    most_ = 1;
  }
  host::OpenRequest bind;
  bind.token = token_;
  const host::Request request(std::move(bind));
  HostAnswer answer = co_await host_->call(*connection, request, limit);
  if (auto* fault = std::get_if<host::Fault>(&answer)) co_return std::move(*fault);
  if (auto* lost = std::get_if<HostLost>(&answer)) co_return std::move(*lost);
  slot_ = std::move(std::get<host::OpenReply>(std::get<host::Reply>(answer)).slot);
  co_return connection;
}

asio::awaitable<void> SessionPool::pause() {
  const auto self = shared_from_this();
  paused_ = true;
  while (lent_ > 0 && !closed_) co_await quiet_.wait();
}

void SessionPool::resume() {
  paused_ = false;
  grant();
}

void SessionPool::close() {
  closed_ = true;
  idle_.clear();
  waiting_.wake_all();
  quiet_.wake_all();
}

}  // namespace signet
