// An issuer of identity tokens for tests, good and bad ones. Made with OpenSSL alone, so that it shares no
// code with what it tests.
#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "agent/policy/policy.h"
#include "protocol/openssl_handles.h"

namespace signet::test {

std::string base64url(std::string_view bytes);

// A key pair of an issuer. Key generation is slow for RSA: make one and keep it.
class IssuerKey {
 public:
  // curve: "P-256", "P-384", "P-521".
  static IssuerKey ec(const std::string& curve, const std::string& key_id);
  static IssuerKey rsa(unsigned bits, const std::string& key_id, unsigned exponent = 65537);

  const std::string& key_id() const { return key_id_; }
  // kty, kid and the public numbers; nothing else.
  boost::json::object jwk() const;
  // The JWS signature of `input` under `algorithm` (raw, not base64url).
  std::string sign(std::string_view algorithm, std::string_view input) const;

 private:
  IssuerKey(EvpKey key, std::string curve, std::string key_id)
      : key_(key.release(), EVP_PKEY_free), curve_(std::move(curve)), key_id_(std::move(key_id)) {}

  std::shared_ptr<EVP_PKEY> key_;
  std::string curve_, key_id_;
};

// "header.payload.signature" with exactly these texts as header and payload.
std::string make_token(std::string_view header, std::string_view payload, const IssuerKey& key,
                       std::string_view algorithm);
// The usual header: alg, kid, typ.
boost::json::object usual_header(const IssuerKey& key, std::string_view algorithm);
std::string make_token(const boost::json::object& claims, const IssuerKey& key,
                       std::string_view algorithm = "RS256");

// The object with one member set.
template <typename Value>
boost::json::object with(boost::json::object object, std::string_view name, const Value& value) {
  object[name] = value;
  return object;
}

std::string jwks_of(std::initializer_list<boost::json::object> keys);

// Tokens of the documented shapes: every claim of
// https://docs.github.com/en/actions/concepts/security/openid-connect and
// https://docs.gitlab.com/ci/secrets/id_token_authentication/, at the times `now` asks for.
boost::json::object github_claims(std::int64_t now);
boost::json::object gitlab_claims(std::int64_t now);
PolicyIssuer github_issuer();  // audience https://signet.example, RS256
PolicyIssuer gitlab_issuer();

}  // namespace signet::test
