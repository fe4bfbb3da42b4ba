#include "agent/tokens/key_use.h"

#include "agent/tokens/place_choice.h"
#include "agent/tokens/touch.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

namespace signet {

namespace asio = boost::asio;
using Clock = WaitList::Clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// Who waits looks that often whether anybody still wants the answer.
constexpr milliseconds kLook(1000);

// --- touch ---

bool wants_touch(const KeyLocation& key) {
  return key.touch && *key.touch != TouchPolicy::Never;
}

// Of a key that wants to be touched for sure, or of one that says nothing.
TokenEvent touch_event(const HostedToken& token, const KeyLocation& key, bool sure, milliseconds after) {
  const TokenDescription& told = token.listed().description;
  TokenEvent event;
  event.kind = TokenEvent::Kind::Touch;
  event.token = told.name;
  event.serial = told.serial;
  event.key = key.name;
  event.left = token.touch_wait() - std::chrono::duration_cast<seconds>(after);
  event.message = sure ? "Touch token \"" + told.name + "\" to sign with the key \"" + key.name + "\"."
                       : "Token \"" + told.name + "\" has not signed yet. If it blinks, touch it.";
  return event;
}

// One way to sign: which of the key's places, and whether there is another after it.
struct Way {
  std::size_t place = 0;
  HostedToken::Persistence persistence = HostedToken::Persistence::Full;
};

const host::Request& request_for(const KeyUse& use, Way way) {
  return way.place == 0 ? use.request : use.others[way.place - 1];
}

// Keys that want no touch, and tokens that cannot, need no reminder.
bool may_want_touch(const HostedToken& token, const KeyLocation& key) {
  return key.touch ? wants_touch(key) : token.listed().description.removable;
}

// The signature, for a call that is told of a touch.
asio::awaitable<Result<host::Reply>> perform_and_remind(HostedToken& token, const KeyUse& use, Way way,
                                                        CallLimit limit, FaultContext about,
                                                        HostedToken::Gate gate) {
  const auto executor = co_await asio::this_coro::executor;
  const bool cached = use.key.touch == TouchPolicy::Cached && token.touch_turns().touched_lately();
  const bool sure = wants_touch(use.key) && !cached;
  const milliseconds delay = sure ? milliseconds(0) : kSilence;
  const auto reminder = std::make_shared<TouchReminder>(executor, use.waiting, delay);
  HostedToken::Gate opened = [&token, &use, reminder, sure, delay,
                              judge = std::move(gate)]() -> asio::awaitable<Result<void>> {
    const auto open = co_await judge();
    if (open) reminder->begun(touch_event(token, use.key, sure, delay));
    co_return open;
  };
  auto reply = co_await token.perform(request_for(use, way), limit, std::move(about), std::move(opened),
                                      use.waiting.client, way.persistence, use.waiting.pin_cache);
  co_await reminder->finish();
  co_return reply;
}

Error busy_touching(const HostedToken& token) {
  boost::json::object parameters;
  parameters["retryAfterMs"] = std::chrono::duration_cast<milliseconds>(token.touch_wait()).count();
  return Error(ErrorName::Busy,
               "Token \"" + token.listed().description.name +
                   "\" waits for touches that others asked for. Touch it, and try again.",
               std::move(parameters));
}

TokenEvent queued_event(const HostedToken& token, const KeyLocation& key, Clock::time_point until) {
  TokenEvent event = touch_event(token, key, true, milliseconds(0));
  event.kind = TokenEvent::Kind::Queued;
  event.left = std::chrono::duration_cast<seconds>(until - Clock::now());
  event.message = "Token \"" + event.token + "\" waits for a touch that was asked for before.";
  return event;
}

// No coroutine of its own, as most signatures want no touch.
asio::awaitable<Result<host::Reply>> perform_for(HostedToken& token, const KeyUse& use, Way way,
                                                 CallLimit limit, FaultContext about,
                                                 HostedToken::Gate gate) {
  if (use.waiting.tell && may_want_touch(token, use.key))
    return perform_and_remind(token, use, way, limit, std::move(about), std::move(gate));
  return token.perform(request_for(use, way), limit, std::move(about), std::move(gate), use.waiting.client,
                       way.persistence, use.waiting.pin_cache);
}

// One signature that needs a touch at a time; the others wait here for their turn.
asio::awaitable<Result<host::Reply>> perform_in_turn(HostedToken& token, const KeyUse& use, Way way,
                                                     CallLimit limit, FaultContext about,
                                                     HostedToken::Gate gate) {
  TouchTurns& turns = token.touch_turns();
  const milliseconds patience = std::max(use.waiting.patience, limit.deadline);
  const auto until = Clock::now() + patience;
  if (turns.taken() && use.waiting.tell) {
    TokenEvent event = queued_event(token, use.key, until);
    co_await use.waiting.tell(std::move(event));
  }
  const auto turn = co_await turns.take(until);
  // A card must not blink for somebody who has left.
  if (!turn || (use.waiting.abandoned && use.waiting.abandoned())) co_return busy_touching(token);
  auto reply = co_await perform_for(token, use, way, limit, std::move(about), std::move(gate));
  if (reply) turns.touched();
  co_return reply;
}

// --- one token ---

asio::awaitable<Result<void>> judge_if_stale(const KeyUse& use, Clock::time_point& judged) {
  if (!use.waiting.still_allowed || Clock::now() - judged < kFreshFor) co_return Result<void>();
  const auto allowed = co_await use.waiting.still_allowed();
  if (allowed) judged = Clock::now();
  co_return allowed;
}

asio::awaitable<Result<MadeOnToken>> try_one(const KeyUse& use, Way way, Clock::time_point& judged) {
  const KeyPlace& place = use.key.place(way.place);
  for (int round = 0;; ++round) {
    const auto hosted = co_await use.registry->locate(place.token_label, place.token_serial);
    if (!hosted) co_return hosted.error();
    HostedToken& token = **hosted;
    const auto about = [&token, &use] {
      FaultContext context = token.context();
      context.key = use.key.name;
      context.mechanism = use.mechanism;
      return context;
    };
    const CallLimit limit = sign_limit(token.config().deadlines);
    HostedToken::Gate gate = [&use, &judged] { return judge_if_stale(use, judged); };
    auto performing = wants_touch(use.key) ? perform_in_turn(token, use, way, limit, about(), std::move(gate))
                                           : perform_for(token, use, way, limit, about(), std::move(gate));
    auto reply = co_await std::move(performing);
    // Its module was reconfigured meanwhile: the new configuration may serve the token, too.
    if (!reply && token.closed() && !use.registry->draining() && round < 2) continue;
    if (!reply && reply.error().name == ErrorName::TokenAbsent) {
      FaultContext absent = about();
      co_return co_await use.registry->absence(std::move(absent));
    }
    if (!reply) co_return reply.error();
    MadeOnToken made;
    made.reply = std::move(std::get<host::SignReply>(*reply));
    made.removable = token.listed().description.removable;
    made.place = way.place;
    co_return made;
  }
}

// --- one after the other ---

std::vector<PlaceState> place_states(const KeyUse& use) {
  std::vector<PlaceState> states(use.key.places());
  for (std::size_t index = 0; index < states.size(); ++index) {
    const KeyPlace& place = use.key.place(index);
    states[index].failed = use.health->fault(place, use.key.spki).has_value();
    states[index].load = use.registry->load_of(place.token_label, place.token_serial);
  }
  return states;
}

// The place to ask now; `tried` is counted up.
std::optional<Way> next_way(const KeyUse& use, std::vector<bool>& tried) {
  auto states = place_states(use);
  for (std::size_t index = 0; index < states.size(); ++index) states[index].tried = tried[index];
  const auto chosen = choose_place(use.key, states);
  if (!chosen) return std::nullopt;
  tried[*chosen] = states[*chosen].tried = true;
  Way way;
  way.place = *chosen;
  const auto after = choose_place(use.key, states);
  if (after && !states[*after].failed) way.persistence = HostedToken::Persistence::Hasty;
  return way;
}

asio::awaitable<Result<MadeOnToken>> try_all(const KeyUse& use, Clock::time_point& judged) {
  std::vector<bool> tried(use.key.places(), false);
  std::optional<Error> most_telling;
  while (const auto way = next_way(use, tried)) {
    auto signature = co_await try_one(use, *way, judged);
    const KeyPlace& place = use.key.place(way->place);
    if (signature) {
      use.health->worked(place, use.key.spki);
      co_return signature;
    }
    const Error error = signature.error();
    use.health->failed(place, use.key.spki, error);
    if (!worth_another_token(error) || use.registry->draining()) co_return error;
    if (!most_telling || tells_more(error, *most_telling)) most_telling = error;
  }
  most_telling->message += " None of the " + std::to_string(tried.size()) + " tokens that hold the key " +
                           use.key.name + " could sign.";
  co_return *most_telling;
}

asio::awaitable<Result<MadeOnToken>> try_to_sign(const KeyUse& use, Clock::time_point& judged) {
  if (use.key.also.empty()) return try_one(use, Way(), judged);
  return try_all(use, judged);
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
  // PinRequired says by which name the token is unlocked, TokenAbsent which of the key's tokens is missing.
  const auto said = [&error](std::string_view parameter, const std::string& otherwise) {
    const auto* value = error.parameters.if_contains(parameter);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : otherwise;
  };
  event.token = said("token", said("label", key.token_label));
  event.serial = said("serial", key.token_serial);
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

asio::awaitable<Result<MadeOnToken>> sign_on_token(const KeyUse& use) {
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
