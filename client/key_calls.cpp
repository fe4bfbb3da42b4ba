// libsignet's calls about keys.
#include "client/agent_state.h"
#include "client/call_json.h"
#include "client/reply.h"
#include "protocol/secret_json.h"

namespace signet::client {

using boost::json::object;

Result<KeyInfo> Agent::generate_key(const GenerateKeyCall& call) {
  object parameters(make_secret_storage());
  parameters["token"] = call.token;
  parameters["name"] = call.name;
  parameters["algorithm"] = call.algorithm;
  parameters["uses"] = strings(call.uses);
  put_secret(parameters, "pin", call.pin);
  // Named only where they are meant: an agent from before them refuses what it does not know.
  if (call.so_pin) put_secret(parameters, "soPin", call.so_pin);
  put_optional(parameters, "id", call.id);
  return then(state_->plain("GenerateKey", parameters, State::Wait::Token), read_key_reply);
}

Result<KeyInfo> Agent::enrol_key(const EnrolKeyCall& call) {
  object parameters;
  parameters["uri"] = call.uri;
  parameters["name"] = call.name;
  parameters["uses"] = strings(call.uses);
  put_optional(parameters, "attestation", call.attestation);
  put_optional(parameters, "intermediate", call.intermediate);
  return then(state_->plain("EnrolKey", parameters, State::Wait::Token), read_key_reply);
}

Result<AttestedKey> Agent::attest_key(std::string_view key) {
  object parameters;
  parameters["key"] = json_view(key);
  return then(state_->plain("AttestKey", parameters), read_attested_key);
}

Result<std::vector<KeyInfo>> Agent::list_keys(const std::optional<std::string>& repository,
                                              const std::optional<std::string>& role) {
  object parameters;
  put_optional(parameters, "repository", repository);
  put_optional(parameters, "role", role);
  return then(state_->plain("ListKeys", parameters), read_key_list);
}

Result<KeyDetails> Agent::show_key(std::string_view key) {
  object parameters;
  parameters["key"] = json_view(key);
  return then(state_->plain("ShowKey", parameters), read_key_details);
}

Result<KeyInfo> Agent::retire_key(std::string_view key) {
  object parameters;
  parameters["key"] = json_view(key);
  return then(state_->plain("RetireKey", parameters), read_key_reply);
}

Result<KeyInfo> Agent::add_key_location(const AddKeyLocationCall& call) {
  object parameters;
  parameters["key"] = call.key;
  parameters["uri"] = call.uri;
  if (call.order) parameters["order"] = *call.order;
  if (call.weight) parameters["weight"] = *call.weight;
  return then(state_->plain("AddKeyLocation", parameters, State::Wait::Token), read_key_reply);
}

Result<KeyInfo> Agent::remove_key_location(std::string_view key, std::string_view token) {
  object parameters;
  parameters["key"] = json_view(key);
  parameters["token"] = json_view(token);
  return then(state_->plain("RemoveKeyLocation", parameters), read_key_reply);
}

}  // namespace signet::client
