// A signature by a key on a token: finds who serves the token, asks, and waits for people where the caller
// waits.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <utility>

#include "agent/tokens/token_registry.h"
#include "agent/tokens/token_service.h"
#include "pkcs11/host_frame.h"

namespace signet {

struct KeyUse {
  KeyUse(std::shared_ptr<TokenRegistry> registry_in, KeyLocation key_in, host::Request request_in,
         Waiting waiting_in)
      : registry(std::move(registry_in)),
        key(std::move(key_in)),
        request(std::move(request_in)),
        waiting(std::move(waiting_in)) {}

  std::shared_ptr<TokenRegistry> registry;
  KeyLocation key;
  host::Request request;  // a SignRequest
  Waiting waiting;
  std::string_view mechanism;  // for messages
};

// `use` must live until it completes. TokenService::sign() says what comes of it.
boost::asio::awaitable<Result<TokenSignature>> sign_on_token(const KeyUse& use);

}  // namespace signet
