#include "agent/tokens/key_use.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace signet {

namespace asio = boost::asio;
using Clock = WaitList::Clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// A removable token that has said nothing for that long may be blinking: signatures take a YubiKey 0.1 to 0.5
// s.
constexpr milliseconds kSilence(1000);
// So long a YubiKey waits for its touch.
constexpr seconds kTouchWait(15);
// Who waits looks that often whether anybody still wants the answer.
constexpr milliseconds kLook(1000);

// --- touch ---

// A message that is sent unless the signature comes first. Shared by the call and the coroutine that sends
// it.
struct Reminder {
  explicit Reminder(const asio::any_io_executor& executor) : timer(executor), told(executor) {}
  asio::steady_timer timer;
  bool over = false, telling = false;
  WaitList told;
};

asio::awaitable<void> remind(std::shared_ptr<Reminder> reminder, Waiting waiting, TokenEvent event) {
  if (reminder->over) co_return;
  reminder->timer.expires_after(kSilence);
  boost::system::error_code ignored;
  co_await reminder->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if (reminder->over) co_return;
  reminder->telling = true;
  co_await waiting.tell(std::move(event));
  reminder->telling = false;
  reminder->told.wake_all();
}

asio::awaitable<void> finish(std::shared_ptr<Reminder> reminder) {
  reminder->over = true;
  reminder->timer.cancel();
  while (reminder->telling) co_await reminder->told.wait();  // what it tells lives no longer than the call
}

TokenEvent touch_event(const HostedToken& token, const KeyLocation& key) {
  const TokenDescription& told = token.listed().description;
  TokenEvent event;
  event.kind = TokenEvent::Kind::Touch;
  event.token = told.name;
  event.serial = told.serial;
  event.key = key.name;
  event.left = kTouchWait - std::chrono::duration_cast<seconds>(kSilence);
  event.message = "Token \"" + told.name + "\" has not signed yet. If it blinks, touch it.";
  return event;
}

asio::awaitable<Result<host::Reply>> perform_and_remind(HostedToken& token, const KeyUse& use,
                                                        CallLimit limit, FaultContext about,
                                                        HostedToken::Gate gate) {
  if (!use.waiting.tell || !token.listed().description.removable) {
    co_return co_await token.perform(use.request, limit, std::move(about), std::move(gate));
  }
  const auto executor = co_await asio::this_coro::executor;
  const auto reminder = std::make_shared<Reminder>(executor);
  TokenEvent event = touch_event(token, use.key);
  asio::co_spawn(executor, remind(reminder, use.waiting, std::move(event)), asio::detached);
  auto reply = co_await token.perform(use.request, limit, std::move(about), std::move(gate));
  co_await finish(reminder);
  co_return reply;
}

// --- one try ---

asio::awaitable<Result<void>> judge_if_stale(const KeyUse& use, Clock::time_point& judged) {
  if (!use.waiting.still_allowed || Clock::now() - judged < kFreshFor) co_return Result<void>();
  const auto allowed = co_await use.waiting.still_allowed();
  if (allowed) judged = Clock::now();
  co_return allowed;
}

asio::awaitable<Result<TokenSignature>> try_to_sign(const KeyUse& use, Clock::time_point& judged) {
  for (int round = 0;; ++round) {
    const auto hosted = co_await use.registry->locate(use.key.token_label, use.key.token_serial);
    if (!hosted) co_return hosted.error();
    HostedToken& token = **hosted;
    FaultContext about = token.context();
    about.key = use.key.name;
    about.mechanism = use.mechanism;
    const CallLimit limit = sign_limit(token.config().deadlines);
    HostedToken::Gate gate = [&use, &judged] { return judge_if_stale(use, judged); };
    auto reply = co_await perform_and_remind(token, use, limit, about, std::move(gate));
    // Its module was reconfigured meanwhile: the new configuration may serve the token, too.
    if (!reply && token.closed() && !use.registry->draining() && round < 2) continue;
    if (!reply && reply.error().name == ErrorName::TokenAbsent) {
      co_return co_await use.registry->absence(std::move(about));
    }
    if (!reply) co_return reply.error();
    auto& signed_now = std::get<host::SignReply>(*reply);
    TokenSignature signature;
    signature.signature = std::move(signed_now.signature);
    signature.fresh_handle = signed_now.fresh_handle;
    signature.removable = token.listed().description.removable;
    co_return signature;
  }
}

// --- waiting ---

std::optional<TokenEvent::Kind> worth_waiting_for(const Error& error) {
  if (error.name == ErrorName::TokenAbsent) return TokenEvent::Kind::InsertToken;
  if (error.name == ErrorName::PinRequired) return TokenEvent::Kind::Pin;
  return std::nullopt;
}

TokenEvent event_for(TokenEvent::Kind kind, const KeyLocation& key, const Error& error,
                     Clock::time_point until) {
  TokenEvent event;
  event.kind = kind;
  // PinRequired says by which name the token is unlocked.
  const auto* name = error.parameters.if_contains("token");
  event.token = name != nullptr && name->is_string() ? std::string(name->get_string()) : key.token_label;
  event.serial = key.token_serial;
  event.key = key.name;
  event.message = error.message;
  event.left = std::chrono::duration_cast<seconds>(until - Clock::now());
  return event;
}

bool wanted(const KeyUse& use) {
  return !use.registry->draining() && !(use.waiting.abandoned && use.waiting.abandoned());
}

asio::awaitable<void> await_change(const KeyUse& use, std::uint64_t seen, Clock::time_point until) {
  while (use.registry->generation() == seen && Clock::now() < until && wanted(use)) {
    const auto look = std::min(until, Clock::now() + kLook);
    co_await use.registry->changed(seen, look);
  }
}

}  // namespace

asio::awaitable<Result<TokenSignature>> sign_on_token(const KeyUse& use) {
  const auto until = Clock::now() + use.waiting.patience;
  std::optional<TokenEvent::Kind> told;
  Clock::time_point judged = use.waiting.judged_at;
  for (;;) {
    const std::uint64_t seen = use.registry->generation();
    auto signature = co_await try_to_sign(use, judged);
    if (signature) co_return signature;
    const Error error = signature.error();
    const auto kind = worth_waiting_for(error);
    if (!kind || !use.waiting.tell || Clock::now() >= until || !wanted(use)) co_return error;
    if (told != kind) {
      told = kind;
      TokenEvent event = event_for(*kind, use.key, error, until);
      co_await use.waiting.tell(std::move(event));
    }
    co_await await_change(use, seen, until);
    judged = Clock::now() - kFreshFor;  // however short the wait was
  }
}

}  // namespace signet
