#include "agent/tokens/token_pins.h"

#include <algorithm>
#include <cctype>
#include <functional>

#include "agent/tokens/pin_change.h"
#include "agent/tokens/pin_source.h"

namespace signet {

namespace asio = boost::asio;

namespace {

// For a list that people wait for: a card that another program holds says nothing.
constexpr std::chrono::milliseconds kCountTime(700);

Error invalid_parameter(std::string_view parameter, std::string message) {
  boost::json::object parameters;
  parameters["parameter"] = parameter;
  return Error(ErrorName::InvalidParameter, std::move(message), std::move(parameters));
}

using NewPin = std::function<asio::awaitable<Result<void>>(AdminTask task, Secret by, Secret new_pin)>;

// While nobody uses the token.
asio::awaitable<Result<TokenDescription>> set_pin(std::shared_ptr<TokenRegistry> registry, std::string token,
                                                  NewPin work, Secret by, Secret new_pin) {
  const TokenRegistry::Operation operation(registry);
  const auto found = co_await registry->resolve(std::move(token));
  if (!found) co_return found.error();
  if (auto usable = check_not_blank(found->token); !usable) co_return usable.error();
  const auto hosted = found->module->hosted(found->token);
  const auto drained = co_await hosted->drained();
  AdminTask task = found->module->admin_task(found->token);
  Secret for_task = new_pin.copy();
  const auto done = co_await work(std::move(task), std::move(by), std::move(for_task));
  if (!done) co_return done.error();
  co_await hosted->go_on_with(drained, std::move(new_pin));
  const TokenDescription& told = found->token.description;
  co_return co_await registry->describe(told.module, told.label, told.serial);
}

}  // namespace

Result<void> check_pin(std::string_view parameter, const Secret& pin) {
  if (!pin.empty() && pin.size() <= kMaxPinSize) return {};
  return invalid_parameter(parameter, "A PIN has 1 to " + std::to_string(kMaxPinSize) + " bytes.");
}

Result<void> check_not_blank(const ListedToken& token) {
  if (token.initialised) return {};
  return invalid_parameter(
      "token", "Token \"" + token.description.name + "\" is blank. Initialise it first: signet token init.");
}

Result<void> check_label(std::string_view parameter, const std::string& label, std::size_t most) {
  const bool printable =
      std::ranges::none_of(label, [](char c) { return std::iscntrl(static_cast<unsigned char>(c)); });
  if (!label.empty() && label.size() <= most && printable && label.back() != ' ') return {};
  return invalid_parameter(parameter, "A label has 1 to " + std::to_string(most) +
                                          " bytes, no control characters and no blank at its end.");
}

asio::awaitable<Result<TokenDescription>> change_token_pin(std::shared_ptr<TokenRegistry> registry,
                                                           std::string token, Secret old_pin,
                                                           Secret new_pin) {
  if (auto sound = check_pin("oldPin", old_pin); !sound) co_return sound.error();
  if (auto sound = check_pin("newPin", new_pin); !sound) co_return sound.error();
  NewPin work = change_pin;
  co_return co_await set_pin(std::move(registry), std::move(token), std::move(work), std::move(old_pin),
                             std::move(new_pin));
}

asio::awaitable<Result<TokenDescription>> unblock_token_pin(std::shared_ptr<TokenRegistry> registry,
                                                            std::string token, Secret officer,
                                                            Secret new_pin) {
  if (auto sound = check_pin("soPin", officer); !sound) co_return sound.error();
  if (auto sound = check_pin("newPin", new_pin); !sound) co_return sound.error();
  NewPin work = unblock_pin;
  co_return co_await set_pin(std::move(registry), std::move(token), std::move(work), std::move(officer),
                             std::move(new_pin));
}

asio::awaitable<Result<TokenDescription>> unlock_token_by_prompt(std::shared_ptr<TokenRegistry> registry,
                                                                 std::string token, PinCache cache) {
  const TokenRegistry::Operation operation(registry);
  const auto found = co_await registry->resolve(std::move(token));
  if (!found) co_return found.error();
  if (auto usable = check_not_blank(found->token); !usable) co_return usable.error();
  const auto hosted = found->module->hosted(found->token);
  const TokenDescription& told = found->token.description;
  std::string error;
  for (int prompt = 1; !hosted->unlocked(); ++prompt) {
    auto pin = co_await ask_for_pin(registry->pin_prompt(), told.name, error);
    if (!pin) co_return pin.error();
    const auto done = co_await hosted->unlock(std::move(*pin), cache);
    if (done) break;
    if (prompt == kMostPinPrompts || !worth_asking_again(done.error())) co_return done.error();
    error = done.error().message;
  }
  registry->keep_looking();
  co_return co_await registry->describe(told.module, told.label, told.serial);
}

asio::awaitable<Result<TokenDescription>> lock_token(std::shared_ptr<TokenRegistry> registry,
                                                     std::string token) {
  const TokenRegistry::Operation operation(registry);
  const auto found = co_await registry->resolve(token);
  if (!found) {
    // Another program may hold its card: what this agent has of it ends all the same.
    const auto known = registry->known_as(token);
    if (!known || found.error().name != ErrorName::TokenAbsent) co_return found.error();
    const auto ended = co_await known->lock_whole("it was locked");
    co_return ended ? found.error() : ended.error();
  }
  const TokenDescription& told = found->token.description;
  // Also where this agent never used it: another program, or an agent before this one, may have left its card
  // unlocked.
  const auto locked = co_await found->module->hosted(found->token)->lock_whole("it was locked");
  if (!locked) co_return locked.error();
  co_return co_await registry->describe(told.module, told.label, told.serial);
}

asio::awaitable<void> count_tries(std::shared_ptr<TokenRegistry> registry, std::vector<ListedToken>& tokens) {
  for (ListedToken& token : tokens) {
    const auto module = registry->module_of(token);
    if (!module || !token.description.removable || !is_piv(token.description) || module->busy_signing())
      continue;
    const host::CardTriesReply told = co_await card_tries(module->card_access(), token.reader, kCountTime);
    if (!told.pin.known) continue;
    token.description.pin_tries = told.pin.left;
    if (token.description.pin == PinState::Ok) token.description.pin = told_by_count(told.pin).state;
  }
}

}  // namespace signet
