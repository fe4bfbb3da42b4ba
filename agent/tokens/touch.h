// Keys that want to be touched: who is told when, and who waits for whom.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "agent/tokens/token_service.h"
#include "agent/tokens/wait_list.h"

namespace signet {

// So long a module waits for a touch before C_Sign fails, by what C_GetInfo says of it: a YubiKey gives up
// after 15 s, ykcs11 with it; OpenSC then asks it once more (measured on ykcs11 2.2.0 and OpenSC 0.23.0).
std::chrono::seconds touch_wait(std::string_view library);
// A YubiKey takes a touch for that long for keys of the policy "cached".
inline constexpr std::chrono::seconds kTouchCached{15};
// A token that has said nothing for that long may be blinking: signatures take a YubiKey 0.1 to 0.5 s.
inline constexpr std::chrono::milliseconds kSilence{1000};

// The signatures of one token that a person has to touch it for, one after the other: a card blinks for one
// at a time, and two that wait in the module would both be timed from their beginning. Runs on one event
// loop; not thread safe. Outlives the turns that it gives.
class TouchTurns {
 public:
  using Clock = WaitList::Clock;
  explicit TouchTurns(boost::asio::any_io_executor executor) : waiting_(std::move(executor)) {}

  // Over with its destructor.
  class Turn {
   public:
    explicit Turn(TouchTurns& turns) : turns_(&turns) {}
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->release();
    }

   private:
    TouchTurns* turns_;
  };

  bool taken() const { return taken_; }
  // In the order of asking; nothing when `until` came first.
  boost::asio::awaitable<std::optional<Turn>> take(Clock::time_point until);

  // Somebody has touched the token just now.
  void touched() { last_ = Clock::now(); }
  bool touched_lately() const { return last_ && Clock::now() - *last_ < kTouchCached; }

 private:
  void release() { taken_ = waiting_.wake_one(); }  // handed over, or free

  bool taken_ = false;
  WaitList waiting_;
  std::optional<Clock::time_point> last_;
};

// Tells of a touch while a signature waits for it, as Waiting::tell has it: `delay` after C_Sign went out,
// unless the signature came first. Lives in a shared_ptr: what it starts holds one. Not thread safe.
class TouchReminder : public std::enable_shared_from_this<TouchReminder> {
 public:
  TouchReminder(const boost::asio::any_io_executor& executor, Waiting waiting,
                std::chrono::milliseconds delay)
      : executor_(executor), waiting_(std::move(waiting)), delay_(delay), timer_(executor), told_(executor) {}

  // C_Sign goes out now; again when it is tried again. `event`: with `left` counted from now.
  void begun(TokenEvent event);
  // What it tells lives no longer than the call: await this before the call ends.
  boost::asio::awaitable<void> finish();

 private:
  // Holds what it belongs to from before its first step, which may come after the call has ended.
  static boost::asio::awaitable<void> remind(std::shared_ptr<TouchReminder> self, int round,
                                             TokenEvent event);

  boost::asio::any_io_executor executor_;
  Waiting waiting_;
  std::chrono::milliseconds delay_;
  boost::asio::steady_timer timer_;
  int round_ = 0;  // a reminder of an earlier round says nothing
  int telling_ = 0;
  WaitList told_;
};

}  // namespace signet
