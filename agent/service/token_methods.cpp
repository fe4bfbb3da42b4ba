#include <boost/json/array.hpp>

#include "agent/service/authorisation.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/replies.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

constexpr std::size_t kMaxTokenLabel = 32;  // CK_TOKEN_INFO.label (PKCS #11 2.40, 3.2)

Reply token_reply(const Result<TokenDescription>& token) {
  if (!token) return token.error();
  return boost::json::object{{"token", to_json(*token)}};
}

awaitable<Reply> list_tokens(ServiceState& state) {
  boost::json::array tokens;
  const auto described = co_await state.tokens.list();
  for (const TokenDescription& token : described) tokens.push_back(to_json(token));
  boost::json::object reply{{"tokens", std::move(tokens)}};
  co_return reply;
}

awaitable<Reply> init_token(ServiceState& state, Call call) {
  InitTokenRequest request;
  auto token = text_parameter(call.parameters, "token");
  if (!token) co_return token.error();
  auto label = text_parameter(call.parameters, "label");
  if (!label) co_return label.error();
  if (label->empty() || label->size() > kMaxTokenLabel)
    co_return invalid_parameter("label", "A token's label is 1 to 32 bytes long (PKCS #11); this one is " +
                                             std::to_string(label->size()) + ".");
  auto so_pin = secret_parameter(call.parameters, "soPin");
  if (!so_pin) co_return so_pin.error();
  auto pin = secret_parameter(call.parameters, "pin");
  if (!pin) co_return pin.error();
  const auto found =
      co_await authorise_token(state, call.peer, Action::Administer, std::move(*token),
                               "Erase a token and all keys on it, and initialise it as \"" + *label + "\"?");
  if (!found) co_return found.error();
  request.token = found->uri;
  request.label = std::move(*label);
  request.so_pin = std::move(*so_pin);
  request.pin = std::move(*pin);
  const auto made = co_await state.tokens.init(std::move(request));
  co_return token_reply(made);
}

awaitable<Reply> unlock_token(ServiceState& state, Call call) {
  auto token = text_parameter(call.parameters, "token");
  if (!token) co_return token.error();
  auto pin = optional_secret(call.parameters, "pin");
  if (!pin) co_return pin.error();
  const auto by_prompt = flag_parameter(call.parameters, "pinentry");
  if (!by_prompt) co_return by_prompt.error();
  if (*by_prompt && *pin)
    co_return invalid_parameter("pinentry", "A PIN is given, or asked for at the agent's prompt: not both.");
  const auto found =
      co_await authorise_token_act(state, call.peer, Action::Unlock, std::move(*token), "Unlock a token?");
  if (!found) co_return found.error();
  const auto cache = found->verdict.needs.pin_cache;
  if (*by_prompt) {
    const auto unlocked = co_await state.tokens.unlock_by_prompt(found->token.uri, cache);
    co_return token_reply(unlocked);
  }
  const auto unlocked = co_await state.tokens.unlock(found->token.uri, std::move(*pin), cache);
  co_return token_reply(unlocked);
}

// One that this agent uses is locked also where it cannot be seen, because another program holds its card.
awaitable<Result<TokenDescription>> token_to_lock(ServiceState& state, std::string token) {
  auto found = co_await state.tokens.describe(token);
  if (found || found.error().name != ErrorName::TokenAbsent) co_return found;
  if (auto used = state.tokens.used_before(token)) co_return std::move(*used);
  Error error = found.error();
  error.message += " Nothing was locked.";
  co_return error;
}

awaitable<Reply> lock_token(ServiceState& state, Call call) {
  auto token = text_parameter(call.parameters, "token");
  if (!token) co_return token.error();
  auto found = co_await token_to_lock(state, std::move(*token));
  if (!found) co_return found.error();
  const auto allowed =
      co_await authorise_known_token(state, call.peer, Action::Unlock, std::move(*found), "Lock a token?");
  if (!allowed) co_return allowed.error();
  const auto locked = co_await state.tokens.lock(allowed->token.uri);
  co_return token_reply(locked);
}

struct NewPin {
  std::string token;
  Secret by, pin;
};

// `by`: the parameter of the PIN that sets the new one.
Result<NewPin> parse_new_pin(const boost::json::object& parameters, const char* by) {
  NewPin parsed;
  auto token = text_parameter(parameters, "token");
  if (!token) return token.error();
  auto allowing = secret_parameter(parameters, by);
  if (!allowing) return allowing.error();
  auto pin = secret_parameter(parameters, "newPin");
  if (!pin) return pin.error();
  parsed.token = std::move(*token);
  parsed.by = std::move(*allowing);
  parsed.pin = std::move(*pin);
  return parsed;
}

// `by`: the parameter with the PIN that allows it.
using SetPin = awaitable<Result<TokenDescription>> (TokenService::*)(std::string, Secret, Secret);
awaitable<Reply> set_pin(ServiceState& state, Call call, const char* by, std::string question, SetPin set) {
  auto parsed = parse_new_pin(call.parameters, by);
  if (!parsed) co_return parsed.error();
  const auto found = co_await authorise_token(state, call.peer, Action::Administer, std::move(parsed->token),
                                              std::move(question));
  if (!found) co_return found.error();
  const auto done = co_await (state.tokens.*set)(found->uri, std::move(parsed->by), std::move(parsed->pin));
  co_return token_reply(done);
}

awaitable<Reply> change_pin(ServiceState& state, Call call) {
  return set_pin(state, std::move(call), "oldPin", "Change the PIN of a token?", &TokenService::change_pin);
}

awaitable<Reply> unblock_pin(ServiceState& state, Call call) {
  return set_pin(state, std::move(call), "soPin", "Set a new PIN for a token, by its PUK or SO PIN?",
                 &TokenService::unblock_pin);
}

awaitable<Reply> reset_pin_budget(ServiceState& state, Call call) {
  auto token = text_parameter(call.parameters, "token");
  if (!token) co_return token.error();
  const auto found = co_await authorise_token(state, call.peer, Action::Unlock, std::move(*token),
                                              "Let PINs be sent to a token again?");
  if (!found) co_return found.error();
  const auto reset = co_await state.tokens.reset_pin_budget(found->uri);
  co_return token_reply(reset);
}

}  // namespace

void add_token_methods(ServiceState& state, MethodTable& table) {
  table["ListTokens"].handler = [&state](Call) { return list_tokens(state); };
  table["InitToken"].handler = [&state](Call call) { return init_token(state, call); };
  table["UnlockToken"].handler = [&state](Call call) { return unlock_token(state, call); };
  table["LockToken"].handler = [&state](Call call) { return lock_token(state, call); };
  table["ChangePin"].handler = [&state](Call call) { return change_pin(state, call); };
  table["UnblockPin"].handler = [&state](Call call) { return unblock_pin(state, call); };
  table["ResetPinBudget"].handler = [&state](Call call) { return reset_pin_budget(state, call); };
}

}  // namespace signet
