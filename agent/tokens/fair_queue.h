// A queue in which nobody stands behind all the calls of somebody else.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "agent/tokens/token_service.h"

namespace signet {

// Users take turns; each user's processes take turns in theirs; a process's calls come in the order of
// asking. So a client with a thousand calls waiting delays another client's one call by one of them. Runs on
// one event loop; not thread safe. Must outlive who waits in it: they hold its owner.
class FairQueue {
  struct Waiter;

 public:
  using Clock = std::chrono::steady_clock;

  explicit FairQueue(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  FairQueue(const FairQueue&) = delete;
  FairQueue& operator=(const FairQueue&) = delete;

  // What a call waits for a session to do, where another call may do it in its stead.
  class Errand {
   public:
    Errand() = default;
    virtual ~Errand() = default;
    Errand(const Errand&) = delete;
    Errand& operator=(const Errand&) = delete;
    // By another call, which does it or has done so.
    bool taken() const { return taken_; }

   private:
    friend class FairQueue;
    Waiter* waiter_ = nullptr;
    bool taken_ = false;
  };
  using Errands = std::vector<std::shared_ptr<Errand>>;

  // True when it is the caller's turn, or its errand was taken and finished; false when `until` came first:
  // the caller has then left the queue. What was taken is waited for however long it takes.
  boost::asio::awaitable<bool> wait(TokenClient client, Clock::time_point until,
                                    std::shared_ptr<Errand> errand = {});
  // Takes up to `most` errands out of the queue: users, and their processes, in turn, each by the call that
  // is its next, if that has an errand which `fits`. Whoever takes them calls finish() for each.
  Errands take(std::size_t most, const std::function<bool(const Errand&)>& fits);
  // Whoever waits for it goes on, later, from the loop.
  static void finish(Errand& errand);
  // Whether who is next has an errand that another call could do.
  bool next_has_errand() const;
  // Wakes who is next; false if nobody waits. It runs later, from the loop.
  bool wake_next();
  void wake_all();
  std::size_t size() const { return size_; }

 private:
  // The calls of one process that wait.
  struct Lane {
    explicit Lane(pid_t process_in) : process(process_in) {}
    pid_t process;
    std::list<Waiter*> waiting;
  };
  using Lanes = std::list<Lane>;
  // A user's processes that have calls waiting, whose turn it is first.
  struct User {
    explicit User(uid_t uid_in) : uid(uid_in) {}
    uid_t uid;
    Lanes lanes;
    std::unordered_map<pid_t, Lanes::iterator> by_process;
  };
  using Users = std::list<User>;

  User& user(uid_t uid);
  static Lane& lane(User& user, pid_t process);
  void add(Waiter& waiter);
  void remove(Waiter& waiter);
  void drop_if_empty(User& user, Lane& lane);
  std::shared_ptr<Errand> take_from(User& user, const std::function<bool(const Errand&)>& fits);

  boost::asio::any_io_executor executor_;
  Users users_;  // who have calls waiting, whose turn it is first
  std::unordered_map<uid_t, Users::iterator> by_uid_;
  std::size_t size_ = 0;
};

}  // namespace signet
