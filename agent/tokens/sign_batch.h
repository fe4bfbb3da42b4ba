// Several signatures by one key: shared out over the sessions of its tokens, several to a round trip.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/tokens/key_use.h"
#include "agent/tokens/sign_request.h"

namespace signet {

// Lives in a shared_ptr: the coroutines that work on it hold it.
struct SignBatch {
  SignBatch(std::shared_ptr<TokenRegistry> registry_in, std::shared_ptr<PlaceHealth> health_in,
            KeyLocation key_in, TokenMechanism mechanism_in, std::vector<Bytes> inputs_in, Waiting waiting_in,
            ManyWatch watch_in)
      : registry(std::move(registry_in)),
        health(std::move(health_in)),
        key(std::move(key_in)),
        mechanism(mechanism_in),
        inputs(std::move(inputs_in)),
        waiting(std::move(waiting_in)),
        watch(std::move(watch_in)) {}

  const std::shared_ptr<TokenRegistry> registry;
  const std::shared_ptr<PlaceHealth> health;
  const KeyLocation key;
  const TokenMechanism mechanism;
  std::vector<KeyHint> hints;  // one for each of the key's places
  std::vector<Bytes> inputs;
  Waiting waiting;
  const ManyWatch watch;
  std::vector<std::size_t> to_sign;  // indices of inputs, in order
  std::size_t begun = 0;             // of to_sign
  bool watch_told = false;           // that it has begun
};

// Tells the watch of each input: see TokenService::sign_many().
boost::asio::awaitable<void> sign_batch(std::shared_ptr<SignBatch> batch);

}  // namespace signet
