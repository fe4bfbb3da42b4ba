// The sessions of one token in one running host, lent one at a time, first come, first served.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "agent/tokens/host_process.h"
#include "agent/tokens/wait_list.h"

namespace signet {

class SessionPool;

// A session on loan; goes back with its destructor. Keeps its pool and its host alive.
class SessionLease {
 public:
  SessionLease(std::shared_ptr<SessionPool> pool, std::unique_ptr<HostConnection> connection);
  ~SessionLease();
  SessionLease(SessionLease&&) noexcept = default;
  SessionLease& operator=(SessionLease&&) = delete;
  SessionLease(const SessionLease&) = delete;
  SessionLease& operator=(const SessionLease&) = delete;

  HostConnection& connection() { return *connection_; }
  HostProcess& host();
  // Closes the session instead of giving it back: the next one who needs it opens a new one.
  void drop();

 private:
  std::shared_ptr<SessionPool> pool_;
  std::unique_ptr<HostConnection> connection_;
};

// More callers wait for this token than may.
struct PoolFull {};

// Runs on one event loop; not thread safe.
class SessionPool : public std::enable_shared_from_this<SessionPool> {
 public:
  // At most `most` sessions; fewer once the token says CKR_SESSION_COUNT, one if the module cannot lock.
  SessionPool(boost::asio::any_io_executor executor, std::shared_ptr<HostProcess> host,
              host::TokenIdentity token, std::size_t most, std::size_t most_waiting);
  ~SessionPool() { host_->remove_user(); }
  SessionPool(const SessionPool&) = delete;
  SessionPool& operator=(const SessionPool&) = delete;

  using Leased = std::variant<SessionLease, host::Fault, HostLost, PoolFull>;
  // An idle session, a new one, or the next that comes back, in the order of asking.
  boost::asio::awaitable<Leased> lease();

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
  std::size_t lent() const { return lent_; }
  std::size_t waiting() const { return waiting_.size(); }
  // What the host said of the token's slot when the newest session was opened.
  const host::SlotDescription& slot() const { return slot_; }

 private:
  friend class SessionLease;
  using Opened = std::variant<std::unique_ptr<HostConnection>, host::Fault, HostLost>;
  boost::asio::awaitable<Opened> open();
  boost::asio::awaitable<bool> take_permit();
  bool learn_from(const host::Fault& fault);
  void give_back(std::unique_ptr<HostConnection> connection);
  void release_permit();
  void grant();
  HostLost stopped() const;

  boost::asio::any_io_executor executor_;
  std::shared_ptr<HostProcess> host_;
  host::TokenIdentity token_;
  std::size_t most_;
  const std::size_t most_waiting_;
  // A permit is the right to hold one session; lent_ of most_ are out.
  std::size_t lent_ = 0;
  std::size_t opening_ = 0;
  std::vector<std::unique_ptr<HostConnection>> idle_;  // the one used last is used next: its caches are warm
  WaitList waiting_, quiet_;
  bool paused_ = false, closed_ = false, single_session_ = false;
  host::SlotDescription slot_;
};

}  // namespace signet
