// Making keys on tokens. TokenService's contracts, over the registry.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "agent/tokens/token_registry.h"

namespace signet {

// TokenService::can_generate(). `request` lives until it completes.
boost::asio::awaitable<Result<void>> can_generate_token_key(std::shared_ptr<TokenRegistry> registry,
                                                            const GenerateRequest& request);
// TokenService::generate().
boost::asio::awaitable<Result<FoundKey>> generate_token_key(std::shared_ptr<TokenRegistry> registry,
                                                            GenerateRequest request);

}  // namespace signet
