// What is done to a token's PIN by people: new ones, locking. TokenService's contracts, over the registry.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "agent/tokens/token_registry.h"

namespace signet {

// InvalidParameter for what cannot be anybody's PIN, and for a token without one.
Result<void> check_pin(std::string_view parameter, const Secret& pin);
Result<void> check_not_blank(const ListedToken& token);
// A token's or a key's label: 1 to `most` bytes, without control characters.
Result<void> check_label(std::string_view parameter, const std::string& label, std::size_t most);

boost::asio::awaitable<Result<TokenDescription>> change_token_pin(std::shared_ptr<TokenRegistry> registry,
                                                                  std::string token, Secret old_pin,
                                                                  Secret new_pin);
boost::asio::awaitable<Result<TokenDescription>> unblock_token_pin(std::shared_ptr<TokenRegistry> registry,
                                                                   std::string token, Secret officer,
                                                                   Secret new_pin);
boost::asio::awaitable<Result<TokenDescription>> unlock_token_by_prompt(
    std::shared_ptr<TokenRegistry> registry, std::string token, PinCache cache);
boost::asio::awaitable<Result<TokenDescription>> lock_token(std::shared_ptr<TokenRegistry> registry,
                                                            std::string token);

// The tries that the PINs of PIV cards have left, asked of the cards themselves. Cards that are busy signing
// are not asked.
boost::asio::awaitable<void> count_tries(std::shared_ptr<TokenRegistry> registry,
                                         std::vector<ListedToken>& tokens);

}  // namespace signet
