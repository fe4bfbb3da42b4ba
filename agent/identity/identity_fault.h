// Why an identity token is refused.
#pragma once

#include <string>
#include <string_view>

#include "protocol/result.h"

namespace signet {

// Each of them goes over the wire as "reason" of the error IdentityRefused, under the name in to_string().
enum class IdentityFault {
  // The form: RFC 7515 section 7.1 (compact serialization), RFC 4648 section 5, RFC 8259.
  TooLarge,      // too-large: more than kMaxIdentityTokenSize bytes
  NotCompact,    // not-compact: not three parts with two dots between them, or an empty part
  Encoding,      // encoding: a character that is not base64url, padding, a cut group, stray trailing bits
  HeaderJson,    // header-json: the header is no JSON object, or alg, kid or typ is no string
  ClaimsJson,    // claims-json: the same of the claims
  DuplicateKey,  // duplicate-key: a key twice in one object of the header or the claims
  // The header: RFC 7515 section 4.1 and RFC 8725.
  AlgorithmNone,   // algorithm-none: an unsigned token, in whatever letters "none" is written
  SymmetricKey,    // symmetric-key: HS256 and its like, which would take a public key for a secret
  Algorithm,       // algorithm: not one of those that the policy pins for the issuer
  EmbeddedKey,     // embedded-key: jwk, jku, x5c or x5u: a token that names its own key
  CriticalHeader,  // critical-header: crit, or a header that changes how the rest is read (b64, zip, enc,
                   // cty)
  TokenType,       // token-type: typ says that this is not a JWT
  KeyIdMissing,    // key-id-missing: no kid
  // The key.
  UnknownIssuer,    // unknown-issuer: no [[issuer]] of the policy has this "iss"
  KeysUnavailable,  // keys-unavailable: the issuer's JWKS file was never read successfully
  UnknownKey,       // unknown-key: no key of the file has this kid
  KeyMismatch,      // key-mismatch: the key's kty, crv, alg, use or key_ops does not go with the algorithm
  Signature,        // signature: the signature does not hold
  // The claims: RFC 7519 section 4.1 and OpenID Connect Core section 3.1.3.7.
  ClaimMissing,       // claim-missing: iss, sub, aud, exp or iat is absent
  ClaimType,          // claim-type: one of them, or nbf, has a wrong type or an absurd value
  Audience,           // audience: meant for somebody else
  SeveralAudiences,   // several-audiences: the others could send it on to us
  Expired,            // expired
  NotYetValid,        // not-yet-valid: nbf is to come
  IssuedInTheFuture,  // issued-in-the-future: iat is to come
  Lifetime,           // lifetime: valid for longer than kMaxTokenLifetime
  // What it is used for.
  OtherPayload,   // other-payload: bound to another payload than this call's
  NoPayload,      // no-payload: bound to a payload, and this call signs none whose SHA-256 is known
  OtherUser,      // other-user: another uid used it first
  UsedUp,         // used-up: it was used as often as the policy allows
  NotConfigured,  // not-configured: the policy names no issuer at all
};

std::string_view to_string(IdentityFault fault);

// IdentityRefused. `message`: a sentence; nothing of the token stands in it, not even its header.
Error identity_refused(IdentityFault fault, std::string message);

}  // namespace signet
