// libsignet's calls about tokens and their PINs.
#include "client/agent_state.h"
#include "client/call_json.h"
#include "client/reply.h"
#include "protocol/secret_json.h"

namespace signet::client {

using boost::json::object;

Result<std::vector<TokenInfo>> Agent::list_tokens() {
  return then(state_->plain("ListTokens", {}), read_token_list);
}

Result<TokenInfo> Agent::init_token(const InitTokenCall& call) {
  object parameters(make_secret_storage());
  parameters["token"] = call.token;
  parameters["label"] = call.label;
  put_secret(parameters, "soPin", call.so_pin.copy());
  put_secret(parameters, "pin", call.pin.copy());
  return then(state_->plain("InitToken", parameters, State::Wait::Token), read_token_reply);
}

Result<TokenInfo> Agent::unlock_token(std::string_view token, const std::optional<Secret>& pin) {
  object parameters(make_secret_storage());
  parameters["token"] = json_view(token);
  put_secret(parameters, "pin", pin);
  return then(state_->plain("UnlockToken", parameters, State::Wait::Token), read_token_reply);
}

Result<TokenInfo> Agent::unlock_token_by_pinentry(std::string_view token) {
  object parameters;
  parameters["token"] = json_view(token);
  parameters["pinentry"] = true;
  return then(state_->plain("UnlockToken", parameters, State::Wait::Forever), read_token_reply);
}

Result<TokenInfo> Agent::lock_token(std::string_view token) {
  object parameters;
  parameters["token"] = json_view(token);
  return then(state_->plain("LockToken", parameters, State::Wait::Token), read_token_reply);
}

Result<TokenInfo> Agent::change_pin(std::string_view token, const Secret& old_pin, const Secret& new_pin) {
  object parameters(make_secret_storage());
  parameters["token"] = json_view(token);
  put_secret(parameters, "oldPin", old_pin.copy());
  put_secret(parameters, "newPin", new_pin.copy());
  return then(state_->plain("ChangePin", parameters, State::Wait::Token), read_token_reply);
}

Result<TokenInfo> Agent::unblock_pin(std::string_view token, const Secret& so_pin, const Secret& new_pin) {
  object parameters(make_secret_storage());
  parameters["token"] = json_view(token);
  put_secret(parameters, "soPin", so_pin.copy());
  put_secret(parameters, "newPin", new_pin.copy());
  return then(state_->plain("UnblockPin", parameters, State::Wait::Token), read_token_reply);
}

Result<TokenInfo> Agent::reset_pin_budget(std::string_view token) {
  object parameters;
  parameters["token"] = json_view(token);
  return then(state_->plain("ResetPinBudget", parameters, State::Wait::Token), read_token_reply);
}

}  // namespace signet::client
