#include "agent/tokens/session_pool.h"

#include <algorithm>
#include <thread>

#include "agent/tokens/turn_size.h"

namespace signet {

namespace asio = boost::asio;

namespace {

// Twenty signatures of a token that is fast enough to be used by few sessions only.
constexpr std::chrono::milliseconds kLocalStall(10);
constexpr std::uint64_t kCkrSessionCount = 0xB1;  // PKCS #11 v2.40, 4.2

}  // namespace

SessionLease::SessionLease(std::shared_ptr<SessionPool> pool, std::unique_ptr<HostConnection> connection)
    : pool_(std::move(pool)), connection_(std::move(connection)) {}

SessionLease::~SessionLease() {
  if (!pool_) return;
  const auto lasted = ServiceTime::Clock::now() - since_;
  pool_->give_back(std::move(connection_), lasted / static_cast<std::int64_t>(served_));
}

HostProcess& SessionLease::host() {
  return *pool_->host_;
}

void SessionLease::drop() {
  connection_.reset();
}

SessionPool::SessionPool(asio::any_io_executor executor, std::shared_ptr<HostProcess> host,
                         host::TokenIdentity token, PoolLimits limits)
    : executor_(executor),
      host_(std::move(host)),
      token_(std::move(token)),
      limits_(limits),
      most_(std::max<std::size_t>(limits.sessions, 1)),
      waiting_(executor),
      quiet_(executor) {
  host_->add_user();
}

HostLost SessionPool::stopped() const {
  return HostLost(host_->ended() ? host_->why() : "the sessions of the token were closed",
                  host_->failed() ? HostLost::Kind::Died : HostLost::Kind::Stopped);
}

// Closed: permits do not matter any more.
asio::awaitable<SessionPool::Permit> SessionPool::take_permit(TokenClient client,
                                                              std::shared_ptr<FairQueue::Errand> errand) {
  if (lent_ >= most_) regrow();
  grant();
  if (!all_lent()) {
    ++lent_;
    co_return Permit::Granted;
  }
  // grant() has counted the permit for us.
  const bool granted = co_await waiting_.wait(client, FairQueue::Clock::now() + limits_.patience, errand);
  if (errand && errand->taken()) co_return Permit::NotNeeded;
  if (closed_) co_return Permit::Closed;
  co_return granted ? Permit::Granted : Permit::Late;
}

FairQueue::Errands SessionPool::take_errands(const std::function<bool(const FairQueue::Errand&)>& fits) {
  const std::size_t turn = shared_turn_size(waiting_.size(), useful(), service_time_.average());
  return turn > 1 ? waiting_.take(turn - 1, fits) : FairQueue::Errands();
}

// Unless none comes back: then those that are out hang, perhaps, and the others are used.
std::size_t SessionPool::useful() const {
  if (FairQueue::Clock::now() - last_back_ > kLocalStall) return most_;
  static const std::size_t processors = std::thread::hardware_concurrency();
  return useful_sessions(most_, processors, service_time_.average());
}

void SessionPool::grant() {
  while (!paused_ && !closed_ && lent_ < useful() && waiting_.wake_next()) ++lent_;
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

void SessionPool::give_back(std::unique_ptr<HostConnection> connection, ServiceTime::Clock::duration each) {
  service_time_.add(each);
  last_back_ = FairQueue::Clock::now();
  if (connection && usable()) idle_.push_back(std::move(connection));
  release_permit();
}

asio::awaitable<SessionPool::Leased> SessionPool::lease(TokenClient client,
                                                        std::shared_ptr<FairQueue::Errand> errand) {
  const auto self = shared_from_this();
  if (!usable()) co_return stopped();
  if (waiting_.size() >= limits_.waiting) co_return busy(false);
  for (;;) {
    const Permit permit = co_await take_permit(client, errand);
    if (permit == Permit::NotNeeded) co_return ServedByAnother();
    if (permit == Permit::Closed) co_return stopped();
    if (permit == Permit::Late) co_return busy(true);
    if (!usable()) {
      release_permit();
      co_return stopped();
    }
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      co_return SessionLease(self, std::move(connection));
    }
    ++opening_;
    Opened opened = co_await open();
    --opening_;
    if (auto* connection = std::get_if<std::unique_ptr<HostConnection>>(&opened)) {
      co_return SessionLease(self, std::move(*connection));
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
  // Every permit beside ours that is not busy opening holds a session.
  const std::size_t others = lent_ - 1 - std::min(opening_, lent_ - 1);
  const std::size_t alive = others + idle_.size();
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
