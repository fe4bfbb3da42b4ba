// The sessions of one token in one running host, lent to all clients in turn. A session is for one call at a
// time; of a token that is quick it takes the next one before that has ended (follow()), so that its host
// finds more to do without being woken.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "agent/tokens/fair_queue.h"
#include "agent/tokens/host_process.h"
#include "agent/tokens/service_time.h"
#include "agent/tokens/wait_list.h"

namespace signet {

class SessionPool;

// A session of a pool.
struct PooledSession {
  explicit PooledSession(std::unique_ptr<HostConnection> connection_in)
      : connection(std::move(connection_in)) {}

  std::unique_ptr<HostConnection> connection;
  std::size_t calls = 0;  // that hold it
  std::size_t turn = 1;   // signatures of the one that came last
  bool dropped = false;
  ServiceTime::Clock::time_point since{};  // when the call began that it serves now
};

// What a call got from its session: signatures, or something else.
struct SignedByLease {
  std::size_t count = 0;
  std::chrono::microseconds processor{0};
};

// A session on loan; goes back with its destructor. Keeps its pool and its host alive.
class SessionLease {
 public:
  SessionLease(std::shared_ptr<SessionPool> pool, std::shared_ptr<PooledSession> session);
  ~SessionLease();
  SessionLease(SessionLease&&) noexcept = default;
  SessionLease& operator=(SessionLease&&) = delete;
  SessionLease(const SessionLease&) = delete;
  SessionLease& operator=(const SessionLease&) = delete;

  HostConnection& connection() { return *session_->connection; }
  HostProcess& host();
  // Nobody else gets the session: it is closed when the last call that holds it has ended.
  void drop() { session_->dropped = true; }
  // It is about to make so many signatures, not one.
  void will_serve(std::size_t count);
  // It made so many signatures, with so much of a processor's time for all of them.
  void made(std::size_t count, std::chrono::microseconds processor) { signed_ = {count, processor}; }

 private:
  std::shared_ptr<SessionPool> pool_;
  std::shared_ptr<PooledSession> session_;
  std::size_t turn_ = 1;
  SignedByLease signed_;
};

// No session became free: as many wait as may, or this call waited as long as it may.
struct PoolBusy {
  bool late = false;
  std::size_t waiting = 0;
  std::chrono::milliseconds retry_after{0};  // when all that wait now will have been served, as it goes now
};

// The caller's errand was taken by another call, which has ended: it tells how.
struct ServedByAnother {};

struct PoolLimits {
  std::size_t sessions = 1;
  std::size_t waiting = 1024;
  std::chrono::milliseconds patience{60000};  // of one call in the queue
};
// After the token refused a further session, one more than it had is asked for again so much later: whoever
// else used its sessions may have left.
inline constexpr std::chrono::seconds kRegrowPause(60);

// Who wants a session.
struct LeaseAsk {
  TokenClient client{};
  bool shares = false;                          // its signature may be made along with another call's
  std::shared_ptr<FairQueue::Errand> errand{};  // that signature; only if it `shares` and must_wait()
};

// Runs on one event loop; not thread safe.
class SessionPool : public std::enable_shared_from_this<SessionPool> {
 public:
  // Fewer sessions once the token says CKR_SESSION_COUNT, one if the module cannot lock.
  SessionPool(boost::asio::any_io_executor executor, std::shared_ptr<HostProcess> host,
              host::TokenIdentity token, PoolLimits limits);
  ~SessionPool() { host_->remove_user(); }
  SessionPool(const SessionPool&) = delete;
  SessionPool& operator=(const SessionPool&) = delete;

  using Leased = std::variant<SessionLease, host::Fault, HostLost, PoolBusy, ServedByAnother>;
  // An idle session, a new one, or the next that can be had when it is the client's turn (fair_queue.h).
  // ServedByAnother only if there is an errand.
  boost::asio::awaitable<Leased> lease(LeaseAsk ask = {});
  // For a call that holds a lease: what it can do along with its own for those that wait (turn_size.h).
  FairQueue::Errands take_errands(const std::function<bool(const FairQueue::Errand&)>& fits);

  // Nothing is lent until resume(); completes when all that was lent is back. close() ends the wait, too.
  boost::asio::awaitable<void> pause();
  void resume();
  // Closes idle sessions, refuses new leases and wakes all who wait (HostLost::Stopped).
  void close();

  const std::shared_ptr<HostProcess>& host() const { return host_; }
  bool usable() const { return !closed_ && !host_->ended(); }
  bool single_session() const { return single_session_; }
  std::size_t most() const { return most_; }
  std::size_t idle() const { return idle_.size(); }
  // Calls that hold a session, or are about to.
  std::size_t lent() const { return lent_; }
  std::size_t waiting() const { return waiting_.size(); }
  // Quick work of this machine (turn_size.h): a session takes its next call before it has made the last.
  bool is_quick() const;
  // How many sessions are used at a time, by calls that have one alone or that share.
  std::size_t useful(bool shares) const;
  // Whether who asks now is in for a wait.
  bool must_wait(bool shares) const;
  // How long a signature holds a session on average, as it goes now.
  std::chrono::microseconds service_time() const { return service_time_.average(); }
  // What the host said of the token's slot when the newest session was opened.
  const host::SlotDescription& slot() const { return slot_; }
  // What the module's C_GetInfo says: its maker and description.
  const std::string& library() const { return library_; }

 private:
  friend class SessionLease;
  using Opened = std::variant<std::unique_ptr<HostConnection>, host::Fault, HostLost>;
  boost::asio::awaitable<Opened> open();
  enum class Permit { Granted, Late, Closed, NotNeeded };
  boost::asio::awaitable<Permit> take_permit(const LeaseAsk& ask);
  std::size_t in_use() const { return busy_.size() + opening_; }
  std::size_t free_sessions(bool shares) const;
  bool has_room(bool shares, std::size_t waiting) const;
  std::shared_ptr<PooledSession> choose(bool shares);
  std::shared_ptr<PooledSession> follow();
  void watch_for_stall();
  void regrow();
  PoolBusy busy(bool late) const;
  bool learn_from(const host::Fault& fault);
  void give_back(const std::shared_ptr<PooledSession>& session, std::size_t turn, const SignedByLease& made);
  void release_permit();
  void grant(std::size_t arriving = 0);
  HostLost stopped() const;

  boost::asio::any_io_executor executor_;
  std::shared_ptr<HostProcess> host_;
  host::TokenIdentity token_;
  const PoolLimits limits_;
  std::size_t most_;  // of limits_.sessions, as far as is known now
  FairQueue::Clock::time_point regrow_at_{};
  ServiceTime service_time_;
  // A permit is the right to have a session, alone or behind another call; lent_ are out.
  std::size_t lent_ = 0;
  std::size_t granted_ = 0;    // of them, by those that were woken for it and have not run yet
  std::size_t under_way_ = 0;  // signatures of the calls that hold a session
  std::size_t opening_ = 0;
  std::vector<std::shared_ptr<PooledSession>> busy_;
  std::vector<std::shared_ptr<PooledSession>> idle_;  // the one used last is used next: its caches are warm
  FairQueue waiting_;
  boost::asio::steady_timer stall_;
  bool watching_ = false;
  WaitList quiet_;
  bool paused_ = false, closed_ = false, single_session_ = false;
  host::SlotDescription slot_;
  std::string library_;
};

}  // namespace signet
