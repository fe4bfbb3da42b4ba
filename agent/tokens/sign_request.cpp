#include "agent/tokens/sign_request.h"

#include "agent/tokens/found_key.h"
#include "agent/tokens/token_fault.h"
#include "agent/tokens/token_uri.h"

namespace signet {

namespace {

Error invalid_input(std::string message) {
  boost::json::object parameters;
  parameters["parameter"] = "input";
  return Error(ErrorName::InvalidParameter, std::move(message), std::move(parameters));
}

bool mechanism_fits(TokenMechanism mechanism, KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::EcdsaP256:
    case KeyAlgorithm::EcdsaP384:
      return mechanism == TokenMechanism::Ecdsa;
    case KeyAlgorithm::Ed25519:
      return mechanism == TokenMechanism::Eddsa;
    default:
      return mechanism == TokenMechanism::RsaPkcs1 || mechanism == TokenMechanism::RsaPssSha256;
  }
}

bool input_fits(TokenMechanism mechanism, std::size_t size) {
  switch (mechanism) {
    case TokenMechanism::Ecdsa:
      return size == 32 || size == 48 || size == 64;
    case TokenMechanism::RsaPssSha256:
      return size == 32;
    case TokenMechanism::RsaPkcs1:
      return size > 0 && size <= 128;  // a DigestInfo
    case TokenMechanism::Eddsa:
      break;
  }
  return true;
}

}  // namespace

const KeyHint& KeyHints::of(const std::string& uri) {
  const auto known = hints_.find(uri);
  if (known != hints_.end()) return known->second;
  if (hints_.size() >= kMost) hints_.clear();
  KeyHint hint;
  if (const auto parsed = parse_token_uri(uri)) {
    hint.id = parsed->id.value_or(Bytes());
    hint.label = parsed->object.value_or(std::string());
  }
  return hints_.emplace(uri, std::move(hint)).first->second;
}

Result<void> check_sign(const KeyLocation& key, TokenMechanism mechanism, const Bytes& input) {
  const std::string name(mechanism_name(mechanism));
  if (!mechanism_fits(mechanism, key.algorithm)) {
    boost::json::object parameters;
    parameters["key"] = key.name;
    parameters["mechanism"] = name;
    return Error(ErrorName::MechanismUnsupported,
                 "Key \"" + key.name + "\" is of algorithm " + std::string(to_string(key.algorithm)) +
                     ", which does not sign with " + name + ".",
                 std::move(parameters));
  }
  if (input_fits(mechanism, input.size())) return {};
  return invalid_input(std::to_string(input.size()) + " bytes are no input for " + name + ".");
}

host::Request sign_request(const KeyLocation& key, const KeyHint& hint, TokenMechanism mechanism,
                           Bytes input) {
  host::SignRequest sign;
  sign.spki = key.spki;
  sign.id = hint.id;
  sign.label = hint.label;
  sign.mechanism = to_host(mechanism);
  sign.input = std::move(input);
  return host::Request(std::move(sign));
}

}  // namespace signet
