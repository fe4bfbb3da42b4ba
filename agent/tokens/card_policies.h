// What the card of a key says of it, beside its module.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "agent/tokens/token_registry.h"

namespace signet {

// TokenService::policies().
boost::asio::awaitable<std::optional<KeyPolicies>> card_policies(std::shared_ptr<TokenRegistry> registry,
                                                                 FoundKey key);

}  // namespace signet
