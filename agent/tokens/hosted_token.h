// One token, served through one module: its host, its login, its sessions, and what happens when they fail.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "agent/config/config.h"
#include "agent/tokens/card_host.h"
#include "agent/tokens/host_slot.h"
#include "agent/tokens/pin_source.h"
#include "agent/tokens/session_pool.h"
#include "agent/tokens/token_fault.h"
#include "agent/tokens/token_login.h"
#include "agent/tokens/token_names.h"
#include "agent/tokens/touch.h"
#include "agent/tokens/wait_list.h"

namespace signet {

// Runs on one event loop; not thread safe. Lives in a shared_ptr: its coroutines hold one.
class HostedToken : public std::enable_shared_from_this<HostedToken> {
 public:
  // `slot` is the token's own, or its module's where the module is shared.
  // `prompt`: for a PIN source that is the person at the agent's pinentry; `card`: how to reach it beside its
  // module.
  HostedToken(boost::asio::any_io_executor executor, std::shared_ptr<const ModuleConfig> config,
              std::shared_ptr<HostSlot> slot, std::shared_ptr<ModuleLoad> load, ListedToken listed,
              std::shared_ptr<PinBudget> budget, std::shared_ptr<PinPrompt> prompt, CardAccess card);
  ~HostedToken();
  HostedToken(const HostedToken&) = delete;
  HostedToken& operator=(const HostedToken&) = delete;

  // Logs in, unless that is done: with `pin`, else from the token's PIN source, else PinRequired. A token
  // with a pad of its own asks the person there. The PIN is kept for `cache`.
  boost::asio::awaitable<Result<void>> unlock(std::optional<Secret> pin, PinCache cache = std::nullopt);
  // Ends the host that holds the login; gives it back, to wait until it is gone (null: there was none). Calls
  // in flight are tried again, and need the PIN again.
  std::shared_ptr<HostProcess> lock(std::string why);
  // The same and waits for it; then the card has forgotten the PIN, too, for every program. TokenFault
  // "card-not-reset".
  boost::asio::awaitable<Result<void>> lock_whole(std::string why);
  // The same for good: the token's module is configured no more.
  std::shared_ptr<HostProcess> close(std::string why);
  bool closed() const { return slot_->closed(); }

  // Asked when a session is there, right before the request goes to it; an error is the call's.
  using Gate = std::function<boost::asio::awaitable<Result<void>>()>;
  // Somebody else can do it, too: what takes a new host is not waited for.
  enum class Persistence { Full, Hasty };
  // One request on a logged-in session, tried again as token_fault.h says. Only for requests that may be
  // repeated. `request` must live until it completes; `context` is for messages; an empty gate is open. A
  // login that is older than `cache` does not serve it, and is ended when it is that old.
  boost::asio::awaitable<Result<host::Reply>> perform(const host::Request& request, CallLimit limit,
                                                      FaultContext context, Gate gate = {},
                                                      TokenClient client = {},
                                                      Persistence persistence = Persistence::Full,
                                                      PinCache cache = std::nullopt);
  // Calls that are with the token now, waiting ones too.
  std::size_t load() const { return load_now_; }

  // Nobody uses the token while this lives, and nobody starts or unlocks its host.
  class Drained {
   public:
    Drained(CoroutineMutex::Guard guard, std::shared_ptr<SessionPool> pool);
    ~Drained();
    Drained(Drained&&) noexcept = default;
    Drained& operator=(Drained&&) = delete;
    Drained(const Drained&) = delete;
    Drained& operator=(const Drained&) = delete;

   private:
    CoroutineMutex::Guard guard_;
    std::shared_ptr<SessionPool> pool_;
  };
  boost::asio::awaitable<Drained> drained();
  // While drained: its PIN was changed to `pin`, with which it goes on if it was unlocked.
  boost::asio::awaitable<void> go_on_with(const Drained& drained, Secret pin);
  // While drained: a new host that sees what changed on the token; logged in with `pin` if the old one was.
  boost::asio::awaitable<void> replace_host(const Drained& drained, Secret pin);

  // The PIN from the token's source. PinRequired.
  boost::asio::awaitable<Result<Secret>> pin_from_source();
  bool has_pin_source() const { return source_.has_value(); }
  // Called when the token was released for being idle, from the loop.
  void on_release(std::function<void()> released) { released_ = std::move(released); }

  // What the scout says of it now, and the PIN source that is for it alone.
  void refresh(ListedToken listed, std::optional<PinSource> source);
  const ListedToken& listed() const { return listed_; }
  const ModuleConfig& config() const { return *config_; }
  FaultContext context() const;
  LoginContext login_context() const;
  // So long its module waits for a touch.
  std::chrono::seconds touch_wait() const { return signet::touch_wait(pool_ ? pool_->library() : ""); }
  TouchTurns& touch_turns() { return touch_turns_; }
  bool unlocked() const { return pool_ && pool_->usable() && logged_in_; }
  // Its host keeps failing.
  bool faulty() const { return slot_->failures() >= 3; }
  const std::shared_ptr<SessionPool>& pool() const { return pool_; }

 private:
  using Ready = std::variant<std::shared_ptr<SessionPool>, host::Fault, HostLost, Error>;
  std::shared_ptr<SessionPool> usable_pool() const;
  boost::asio::awaitable<Ready> bring_up(Secret* given);
  boost::asio::awaitable<Ready> open_pool();
  boost::asio::awaitable<Ready> open_first_session();
  boost::asio::awaitable<Result<void>> log_in_from_source(std::uint64_t attempts_seen);
  boost::asio::awaitable<Result<void>> log_in_by_source();
  boost::asio::awaitable<Result<void>> log_in_by_prompt();
  // Wipes the PIN, unless it is certain that the token did not compare it.
  boost::asio::awaitable<Result<void>> log_in_with(Secret& pin, PinGiver giver);
  boost::asio::awaitable<Result<void>> unlock_once(std::optional<Secret>& pin);
  struct Use;      // a call of perform()
  struct Ride;     // one that waits, and may be done along with another
  struct Company;  // those that are
  // One try of it: on which pool, and after how many logins.
  struct Try {
    std::shared_ptr<SessionPool> pool;
    std::uint64_t epoch = 0;
  };
  // The login may not serve this call: it is older than the call's rule allows (`ended` is false), or was
  // ended for that under another one.
  struct StaleLogin {
    explicit StaleLogin(bool ended_in) : ended(ended_in) {}
    bool ended;
  };
  using Attempt = std::variant<host::Reply, host::Fault, HostLost, Error, StaleLogin>;
  boost::asio::awaitable<Attempt> try_once(Use& use, Try& now);
  bool may_share(const Use& use) const;
  LeaseAsk lease_ask(const Use& use, const SessionPool& pool) const;
  boost::asio::awaitable<void> invite(const Use& use, SessionPool& pool, Company& company);
  boost::asio::awaitable<Result<host::Reply>> perform_to_the_end(Use& use, const FaultContext& about);
  // Does what the failure asks for; an Error if nothing is left to try.
  boost::asio::awaitable<std::optional<Error>> mend(host::Fault fault, const Try& tried,
                                                    ReplayBudget& replays, const FaultContext& about);
  std::optional<Error> mend_lost(const HostLost& lost, ReplayBudget& replays, const FaultContext& about);
  boost::asio::awaitable<void> pin_was_refused();
  void give_up_host(const std::shared_ptr<SessionPool>& pool, const std::string& why);
  void forget_pool(const std::string& why);
  void forget_login(const std::string& why);

  // hosted_token_pins.cpp
  void logged_in_now();
  bool claim_login(Use& use, std::uint64_t epoch);
  void limit_login(PinCache cache);
  void expire_by(WaitList::Clock::time_point when, const std::string& why);
  boost::asio::awaitable<void> end_stale_login(PinCache cache, std::uint64_t epoch);
  void after_use(const Use& use);
  boost::asio::awaitable<void> forget_pin(std::uint64_t epoch, std::string why);
  void forget_pin_soon(std::uint64_t epoch, std::string why);
  void note_use();
  void watch_idleness();
  boost::asio::awaitable<void> release();
  boost::asio::awaitable<void> end_login(std::string why);
  boost::asio::awaitable<bool> log_out(std::shared_ptr<HostProcess> process);
  boost::asio::awaitable<Result<void>> forget_on_card();
  void see_to_card(std::shared_ptr<HostProcess> process, bool reset);
  boost::asio::awaitable<void> settle_card();

  boost::asio::any_io_executor executor_;
  std::shared_ptr<const ModuleConfig> config_;
  std::shared_ptr<HostSlot> slot_;
  bool own_slot_;
  std::shared_ptr<ModuleLoad> load_;
  ListedToken listed_;
  std::shared_ptr<PinBudget> budget_;
  std::shared_ptr<PinPrompt> prompt_;
  CardAccess card_;
  std::optional<PinSource> source_;

  TouchTurns touch_turns_;
  CoroutineMutex mutex_;  // over starting the host and logging in
  std::shared_ptr<SessionPool> pool_;
  bool login_required_ = true;
  bool logged_in_ = false;
  std::uint64_t epoch_ = 0;   // counts logins: a failure from before the newest one says nothing of it
  std::string locked_why_;    // why the login was lost, for people
  std::uint64_t starts_ = 0;  // of a host with a first session
  std::optional<Ready> failed_start_;  // how the last of them failed
  std::size_t load_now_ = 0;           // calls, waiting ones too
  std::uint64_t attempts_ = 0;         // logins tried from the source
  std::optional<Error> last_attempt_;  // how the last of them failed
  WaitList::Clock::time_point retry_source_{};

  WaitList::Clock::time_point login_time_{}, expires_ = WaitList::Clock::time_point::max();
  bool login_used_ = false;              // a request was served by it
  std::shared_ptr<HostProcess> ending_;  // the host that held the last login, on its way out
  bool left_verified_ = false;           // it went without resetting its card
  PinCache login_cache_;                 // by the rule that allowed the unlocking
  boost::asio::steady_timer expiry_;
  WaitList::Clock::time_point last_used_{};
  bool idle_armed_ = false;
  boost::asio::steady_timer idle_;
  std::function<void()> released_;
};

}  // namespace signet
