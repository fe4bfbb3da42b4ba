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
  batch.results[turn.front()].emplace(signature_of(made, std::move(made.reply.signature)));
  turn = turn.subspan(1);
  for (Bytes& signature : made.reply.further) {
    if (turn.empty()) break;
    batch.results[turn.front()].emplace(signature_of(made, std::move(signature)));
    turn = turn.subspan(1);
  }
  return turn;
}

// The token is to blame for what it says of one input, and would say the same of the others.
bool goes_for_all(const Error& error) {
  return error.name != ErrorName::InvalidParameter;
}

asio::awaitable<void> sign_turn(SignBatch& batch, Turn turn) {
  while (!turn.empty()) {
    host::Request request = turn_request(batch, turn, 0);
    KeyUse use(batch.registry, batch.health, batch.key, std::move(request), batch.waiting);
    for (std::size_t place = 1; place < batch.key.places(); ++place)
      use.others.push_back(turn_request(batch, turn, place));
    use.mechanism = mechanism_name(batch.mechanism);
    auto made = co_await sign_on_token(use);
    if (made) {
      turn = keep(batch, turn, std::move(*made));
      continue;
    }
    const Error error = made.error();
    const std::size_t failed = goes_for_all(error) ? turn.size() : 1;
    for (const std::size_t index : turn.first(failed)) batch.results[index].emplace(error);
    turn = turn.subspan(failed);
  }
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
  while (workers->busy > 0) co_await workers->done.wait();
  if (workers->bug) std::rethrow_exception(workers->bug);
}

// What cannot be signed has its error; the others are to be signed.
void sort_out(SignBatch& batch) {
  for (std::size_t index = 0; index < batch.inputs.size(); ++index) {
    if (auto sound = check_sign(batch.key, batch.mechanism, batch.inputs[index]); !sound)
      batch.results[index].emplace(sound.error());
    else
      batch.to_sign.push_back(index);
  }
}

// The token was waited for, or tried again, as long as may be: the others do not wait for it once more each.
void give_up_if_hopeless(SignBatch& batch) {
  const auto& first = *batch.results[batch.to_sign.front()];
  if (first || fault_scope(first.error()) == FaultScope::None) return;
  for (const std::size_t index : batch.to_sign) batch.results[index].emplace(first.error());
  batch.begun = batch.to_sign.size();
}

}  // namespace

asio::awaitable<std::vector<Result<TokenSignature>>> sign_batch(std::shared_ptr<SignBatch> batch) {
  sort_out(*batch);
  // The first one alone, where a person may have to do something first: they are told once. And so that a
  // token that was not needed yet is up, and its pace known.
  if (!batch->to_sign.empty() && (batch->waiting.tell || pace_of(*batch).sessions == 0)) {
    const Turn first(batch->to_sign.data(), 1);
    batch->begun = 1;
    co_await sign_turn(*batch, first);
    give_up_if_hopeless(*batch);
  }
  const std::size_t left = batch->to_sign.size() - batch->begun;
  const std::size_t sessions = std::max<std::size_t>(pace_of(*batch).sessions, 1);
  if (left > 0) co_await work_side_by_side(batch, std::min(left, sessions));
  std::vector<Result<TokenSignature>> results;
  results.reserve(batch->results.size());
  for (auto& result : batch->results) results.push_back(std::move(*result));
  co_return results;
}

}  // namespace signet
