#include "protocol/notary_certificate.h"

#include "protocol/canonical_json.h"
#include "protocol/sha256.h"

namespace signet {

std::optional<boost::json::object> notary_certificate_object(const PublicKey& key, std::string_view pem) {
  const KeyAlgorithm algorithm = key.algorithm();
  if (algorithm == KeyAlgorithm::Ed25519) return std::nullopt;
  const bool ecdsa = algorithm == KeyAlgorithm::EcdsaP256 || algorithm == KeyAlgorithm::EcdsaP384;
  boost::json::object keyval{{"private", nullptr}, {"public", to_base64(as_bytes(pem))}};
  boost::json::object object{{"keytype", ecdsa ? "ecdsa-x509" : "rsa-x509"}};
  object["keyval"] = std::move(keyval);
  return object;
}

std::string notary_certificate_keyid(const boost::json::object& certificate_object) {
  return sha256_hex(as_bytes(canonical_json(certificate_object).value()));
}

}  // namespace signet
