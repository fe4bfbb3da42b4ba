#include "agent/tokens/card_policies.h"

#include "agent/tokens/card_host.h"

namespace signet {

namespace asio = boost::asio;

namespace {

// Two dozen questions to a card, at most. One that another program holds says nothing.
constexpr std::chrono::milliseconds kAskTime(3000);

std::optional<KeyPolicies> policies_in(const host::CardKeyReply& told) {
  const bool known = told.known && told.pin_policy >= static_cast<std::uint8_t>(PinPolicy::Never) &&
                     told.pin_policy <= static_cast<std::uint8_t>(PinPolicy::MatchAlways) &&
                     told.touch_policy >= static_cast<std::uint8_t>(TouchPolicy::Never) &&
                     told.touch_policy <= static_cast<std::uint8_t>(TouchPolicy::Cached);
  if (!known) return std::nullopt;
  KeyPolicies policies;
  policies.pin = static_cast<PinPolicy>(told.pin_policy);
  policies.touch = static_cast<TouchPolicy>(told.touch_policy);
  return policies;
}

}  // namespace

asio::awaitable<std::optional<KeyPolicies>> card_policies(std::shared_ptr<TokenRegistry> registry,
                                                          FoundKey key) {
  const TokenRegistry::Operation operation(registry);
  const auto found = co_await registry->resolve(key.uri);
  if (!found || !found->token.description.removable) co_return std::nullopt;
  if (found->module->busy_signing()) co_return std::nullopt;  // it would wait for a touch, perhaps
  const host::CardKeyReply told =
      co_await card_key(found->module->card_access(), found->token.reader, key.spki, kAskTime);
  co_return policies_in(told);
}

}  // namespace signet
