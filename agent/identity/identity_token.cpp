#include "agent/identity/identity_token.h"

#include <algorithm>

#include "agent/identity/compact_token.h"
#include "agent/identity/identity_fault.h"
#include "protocol/bytes.h"
#include "protocol/public_key.h"

namespace signet {
namespace {

namespace json = boost::json;

Result<const PolicyIssuer*> find_issuer_of(const json::object& claims,
                                           std::span<const PolicyIssuer> issuers) {
  const json::value* said = claims.if_contains("iss");
  if (said == nullptr)
    return identity_refused(IdentityFault::ClaimMissing, "The identity token has no issuer (\"iss\").");
  if (!said->is_string())
    return identity_refused(IdentityFault::ClaimType, "The identity token's \"iss\" is no text.");
  for (const PolicyIssuer& issuer : issuers)
    if (said->get_string() == issuer.issuer) return &issuer;
  return identity_refused(
      IdentityFault::UnknownIssuer,
      "The policy has no [[issuer]] whose \"issuer\" is the identity token's \"iss\", byte "
      "by byte. Add one, or send a token of an issuer that it has.");
}

Result<const Jwk*> find_key(const JwkSet* keys, const PolicyIssuer& issuer, const JwsHeader& header,
                            const JwsAlgorithm& algorithm) {
  const std::string place = issuer.jwks.string();
  if (keys == nullptr)
    return identity_refused(IdentityFault::KeysUnavailable,
                            "The identity token cannot be verified: the JWKS file " + place +
                                " of issuer \"" + issuer.name +
                                "\" could not be read. The agent's log says why.");
  const Jwk* key = keys->find(header.key_id);
  if (key == nullptr)
    return identity_refused(IdentityFault::UnknownKey,
                            "No key in the JWKS file " + place + " of issuer \"" + issuer.name +
                                "\" has the identity token's key id. If the issuer has new keys, fetch its "
                                "jwks_uri again.");
  if (!key_fits(*key, algorithm))
    return identity_refused(IdentityFault::KeyMismatch,
                            "The key in " + place + " that the identity token names is not for " +
                                std::string(algorithm.name) + " signatures (kty, crv, alg, use or key_ops).");
  return key;
}

Result<JwsAlgorithm> find_algorithm(const PolicyIssuer& issuer, const std::string& name) {
  const auto& pinned = issuer.algorithms;
  const auto algorithm = find_jws_algorithm(name);
  if (!algorithm || std::find(pinned.begin(), pinned.end(), name) == pinned.end())
    return identity_refused(IdentityFault::Algorithm,
                            "The identity token's algorithm is none of those that the policy has for issuer "
                            "\"" +
                                issuer.name + "\".");
  return *algorithm;
}

Error bad_signature(const PolicyIssuer& issuer) {
  return identity_refused(IdentityFault::Signature,
                          "The identity token's signature does not hold under the key of issuer \"" +
                              issuer.name + "\" that it names.");
}

// The claims as they were signed: what cjose verified, not what was parsed before.
Result<json::object> verified_claims(std::string_view text, const CompactToken& token,
                                     const PolicyIssuer& issuer, const IssuerKeys& keys) {
  const auto algorithm = find_algorithm(issuer, token.header.algorithm);
  if (!algorithm) return algorithm.error();
  const std::shared_ptr<const JwkSet> set = keys(issuer);
  const auto key = find_key(set.get(), issuer, token.header, *algorithm);
  if (!key) return key.error();
  if (token.signature_size != signature_size(**key, *algorithm)) return bad_signature(issuer);
  const auto payload = verify_jws(text, (*key)->key);
  if (!payload) return bad_signature(issuer);
  return parse_token_claims(as_text(*payload));
}

}  // namespace

Result<VerifiedToken> verify_identity_token(const Secret& token, std::span<const PolicyIssuer> issuers,
                                            const IssuerKeys& keys, std::int64_t now) {
  const auto parsed = parse_compact_token(token.text());
  if (!parsed) return parsed.error();
  const auto issuer = find_issuer_of(parsed->claims, issuers);
  if (!issuer) return issuer.error();
  auto claims = verified_claims(token.text(), *parsed, **issuer, keys);
  if (!claims) return claims.error();
  auto verified = check_claims(std::move(*claims), **issuer, now);
  if (verified) verified->hash = sha256_hex(as_bytes(parsed->signing_input));
  return verified;
}

}  // namespace signet
