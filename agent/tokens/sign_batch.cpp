#include "agent/tokens/sign_batch.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <span>

#include "agent/tokens/place_choice.h"
#include "agent/tokens/token_fault.h"
#include "agent/tokens/turn_size.h"

namespace signet {

namespace asio = boost::asio;

namespace {

using Turn = std::span<const std::size_t>;  // indices of inputs

TokenRegistry::Pace pace_of(const SignBatch& batch) {
  TokenRegistry::Pace all;
  for (std::size_t index = 0; index < batch.key.places(); ++index) {
    const KeyPlace& place = batch.key.place(index);
    const auto pace = batch.registry->pace_of(place.token_label, place.token_serial);
    all.sessions += pace.sessions;
    all.ahead = all.ahead || pace.ahead;
    all.each = std::max(all.each, pace.each);
    all.removable = all.removable || pace.removable;
  }
  return all;
}

Turn next_turn(SignBatch& batch) {
  const std::size_t left = batch.to_sign.size() - batch.begun;
  const auto pace = pace_of(batch);
  // A card may want to be touched for each signature: each has its own deadline, and its own reminder.
  const std::size_t size =
      pace.removable ? std::min<std::size_t>(left, 1) : turn_size(left, pace.sessions, pace.each);
  const Turn turn(batch.to_sign.data() + batch.begun, size);
  batch.begun += size;
  return turn;
}

host::Request turn_request(const SignBatch& batch, Turn turn, std::size_t place) {
  host::Request request =
      sign_request(batch.key, batch.hints[place], batch.mechanism, batch.inputs[turn.front()]);
  auto& sign = std::get<host::SignRequest>(request);
  for (const std::size_t index : turn.subspan(1)) sign.further.push_back(batch.inputs[index]);
  return request;
}

void begun(SignBatch& batch) {
  if (!std::exchange(batch.watch_told, true)) batch.watch.begun();
}

void ended(SignBatch& batch, std::size_t index, Result<TokenSignature> result) {
  begun(batch);
  batch.watch.ended(index, std::move(result));
}

TokenSignature signature_of(const MadeOnToken& made, Bytes signature) {
  TokenSignature result;
  result.signature = std::move(signature);
  result.fresh_handle = made.reply.fresh_handle;
  result.removable = made.removable;
  result.place = made.place;
  return result;
}

// What came back, in the order of the turn; the rest of the turn.
Turn keep(SignBatch& batch, Turn turn, MadeOnToken made) {
  ended(batch, turn.front(), signature_of(made, std::move(made.reply.signature)));
  turn = turn.subspan(1);
  for (Bytes& signature : made.reply.further) {
    if (turn.empty()) break;
    ended(batch, turn.front(), signature_of(made, std::move(signature)));
    turn = turn.subspan(1);
  }
  return turn;
}

// The token is to blame for what it says of one input, and would say the same of the others.
bool goes_for_all(const Error& error) {
  return error.name != ErrorName::InvalidParameter;
}

// The fault of the last of them, if it was not signed.
asio::awaitable<std::optional<Error>> sign_turn(SignBatch& batch, Turn turn) {
  std::optional<Error> fault;
  while (!turn.empty()) {
    host::Request request = turn_request(batch, turn, 0);
    KeyUse use(batch.registry, batch.health, batch.key, std::move(request), batch.waiting);
    for (std::size_t place = 1; place < batch.key.places(); ++place)
      use.others.push_back(turn_request(batch, turn, place));
    use.mechanism = mechanism_name(batch.mechanism);
    auto made = co_await sign_on_token(use);
    fault.reset();
    if (made) {
      turn = keep(batch, turn, std::move(*made));
      continue;
    }
    fault = made.error();
    const std::size_t failed = goes_for_all(*fault) ? turn.size() : 1;
    for (const std::size_t index : turn.first(failed)) ended(batch, index, *fault);
    turn = turn.subspan(failed);
  }
  co_return fault;
}

// A session that takes its next turn before it has made the last has two workers.
std::size_t workers_for(const TokenRegistry::Pace& pace) {
  return std::max<std::size_t>(pace.sessions, 1) * (pace.ahead ? 2 : 1);
}

// The workers that are not done yet.
struct Workers {
  explicit Workers(const asio::any_io_executor& executor) : done(executor) {}
  std::size_t busy = 0;
  std::exception_ptr bug;
  WaitList done;
};

asio::awaitable<void> work(std::shared_ptr<SignBatch> batch) {
  while (batch->begun < batch->to_sign.size()) {
    const Turn turn = next_turn(*batch);
    co_await sign_turn(*batch, turn);
  }
}

asio::awaitable<void> work_side_by_side(std::shared_ptr<SignBatch> batch, std::size_t count) {
  const auto executor = co_await asio::this_coro::executor;
  const auto workers = std::make_shared<Workers>(executor);
  workers->busy = count;
  for (std::size_t worker = 0; worker < count; ++worker) {
    asio::co_spawn(executor, work(batch), [workers](std::exception_ptr bug) {
      if (bug) workers->bug = bug;
      if (--workers->busy == 0) workers->done.wake_all();
    });
  }
  // By now the first turns are with the token.
  begun(*batch);
  while (workers->busy > 0) co_await workers->done.wait();
  if (workers->bug) std::rethrow_exception(workers->bug);
}

// What cannot be signed has its error; the others are to be signed.
void sort_out(SignBatch& batch) {
  for (std::size_t index = 0; index < batch.inputs.size(); ++index) {
    if (auto sound = check_sign(batch.key, batch.mechanism, batch.inputs[index]); !sound)
      ended(batch, index, sound.error());
    else
      batch.to_sign.push_back(index);
  }
}

// The token was waited for, or tried again, as long as may be: the others do not wait for it once more each.
void give_up_if_hopeless(SignBatch& batch, const std::optional<Error>& first) {
  if (!first || fault_scope(*first) == FaultScope::None) return;
  while (batch.begun < batch.to_sign.size()) ended(batch, batch.to_sign[batch.begun++], *first);
}

}  // namespace

asio::awaitable<void> sign_batch(std::shared_ptr<SignBatch> batch) {
  sort_out(*batch);
  // The first one alone, where a person may have to do something first: they are told once. And so that a
  // token that was not needed yet is up, and its pace known.
  if (!batch->to_sign.empty() && (batch->waiting.tell || pace_of(*batch).sessions == 0)) {
    begun(*batch);
    const Turn first(batch->to_sign.data(), 1);
    batch->begun = 1;
    const auto fault = co_await sign_turn(*batch, first);
    give_up_if_hopeless(*batch, fault);
  }
  const std::size_t left = batch->to_sign.size() - batch->begun;
  if (left > 0) co_await work_side_by_side(batch, std::min(left, workers_for(pace_of(*batch))));
}

}  // namespace signet
