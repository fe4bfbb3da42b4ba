#include "agent/tokens/found_key.h"

namespace signet {

host::Algorithm to_host(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::EcdsaP256:
      return host::Algorithm::EcdsaP256;
    case KeyAlgorithm::EcdsaP384:
      return host::Algorithm::EcdsaP384;
    case KeyAlgorithm::Rsa2048:
      return host::Algorithm::Rsa2048;
    case KeyAlgorithm::Rsa3072:
      return host::Algorithm::Rsa3072;
    case KeyAlgorithm::Rsa4096:
      return host::Algorithm::Rsa4096;
    case KeyAlgorithm::Ed25519:
      break;
  }
  return host::Algorithm::Ed25519;
}

KeyAlgorithm from_host(host::Algorithm algorithm) {
  switch (algorithm) {
    case host::Algorithm::EcdsaP256:
      return KeyAlgorithm::EcdsaP256;
    case host::Algorithm::EcdsaP384:
      return KeyAlgorithm::EcdsaP384;
    case host::Algorithm::Rsa2048:
      return KeyAlgorithm::Rsa2048;
    case host::Algorithm::Rsa3072:
      return KeyAlgorithm::Rsa3072;
    case host::Algorithm::Rsa4096:
      return KeyAlgorithm::Rsa4096;
    case host::Algorithm::Ed25519:
      break;
  }
  return KeyAlgorithm::Ed25519;
}

host::Mechanism to_host(TokenMechanism mechanism) {
  switch (mechanism) {
    case TokenMechanism::Ecdsa:
      return host::Mechanism::Ecdsa;
    case TokenMechanism::RsaPkcs1:
      return host::Mechanism::RsaPkcs1;
    case TokenMechanism::RsaPssSha256:
      return host::Mechanism::RsaPssSha256;
    case TokenMechanism::Eddsa:
      break;
  }
  return host::Mechanism::Eddsa;
}

FoundKey to_found_key(const host::KeyObject& object, const TokenDescription& token) {
  TokenUri uri;
  uri.label = token.label;
  if (!token.serial.empty()) uri.serial = token.serial;
  if (!object.id.empty()) uri.id = object.id;
  if (!object.label.empty()) uri.object = object.label;
  FoundKey key;
  key.uri = format_token_uri(uri);
  key.token_label = token.label;
  key.token_serial = token.serial;
  key.module = token.module;
  key.algorithm = from_host(object.algorithm);
  key.spki = object.spki;
  key.id = object.id;
  key.label = object.label;
  key.evidence.local = object.local;
  key.evidence.sensitive = object.sensitive;
  key.evidence.extractable = object.extractable;
  key.evidence.always_sensitive = object.always_sensitive;
  key.evidence.never_extractable = object.never_extractable;
  key.evidence.always_authenticate = object.always_authenticate;
  return key;
}

Result<FoundKey> the_one_key(const host::FindObjectsReply& found, const TokenDescription& token,
                             const std::string& uri) {
  if (found.keys.size() == 1) return to_found_key(found.keys.front(), token);
  boost::json::object parameters;
  if (found.keys.empty()) {
    parameters["kind"] = "object";
    parameters["name"] = uri;
    const std::string skipped = found.skipped == 0
                                    ? std::string()
                                    : " " + std::to_string(found.skipped) +
                                          " that fit have no public key that can be read, or are "
                                          "of an algorithm that is not supported.";
    return Error(ErrorName::NotFound,
                 "Token \"" + token.name + "\" has no private key that fits " + uri + "." + skipped,
                 std::move(parameters));
  }
  std::string candidates;
  for (const host::KeyObject& key : found.keys) {
    if (!candidates.empty()) candidates += ", ";
    candidates += to_found_key(key, token).uri;
  }
  parameters["parameter"] = "uri";
  return Error(
      ErrorName::InvalidParameter,
      uri + " fits several keys of token \"" + token.name + "\": " + candidates + ". Use one of these URIs.",
      std::move(parameters));
}

}  // namespace signet
