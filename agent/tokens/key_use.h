// A signature by a key on a token: finds who serves the token, asks, and waits for people where the caller
// waits.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "agent/tokens/place_health.h"
#include "agent/tokens/token_registry.h"
#include "agent/tokens/token_service.h"
#include "pkcs11/host_frame.h"

namespace signet {

struct KeyUse {
  KeyUse(std::shared_ptr<TokenRegistry> registry_in, std::shared_ptr<PlaceHealth> health_in,
         KeyLocation key_in, host::Request request_in, Waiting waiting_in)
      : registry(std::move(registry_in)),
        health(std::move(health_in)),
        key(std::move(key_in)),
        request(std::move(request_in)),
        waiting(std::move(waiting_in)) {}

  std::shared_ptr<TokenRegistry> registry;
  std::shared_ptr<PlaceHealth> health;
  KeyLocation key;
  host::Request request;              // a SignRequest, for the key's first place
  std::vector<host::Request> others;  // for its further ones: they differ in where to look first
  Waiting waiting;
  std::string_view mechanism;  // for messages
};

// What a token made, and which of the key's places it is.
struct MadeOnToken {
  host::SignReply reply;
  bool removable = false;
  std::size_t place = 0;
};

// On one of the tokens that hold the key, and where that fails on the next (place_choice.h): the same bytes
// may be signed twice. `use` must live until it completes. TokenService::sign() says what comes of it.
boost::asio::awaitable<Result<MadeOnToken>> sign_on_token(const KeyUse& use);

}  // namespace signet
