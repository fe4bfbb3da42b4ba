// An OpenID Connect ID token, verified offline: what it says, and what it is bound to. Pure, thread safe.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/identity/jwk_set.h"
#include "agent/policy/policy.h"
#include "protocol/result.h"
#include "protocol/secret.h"

namespace signet {

// A token that says it is valid for longer than a day is no token of a CI job.
inline constexpr std::int64_t kMaxTokenLifetime = 24 * 60 * 60;  // seconds, exp - iat
// The audience of a token that is bound to one payload: this and the SHA-256 of the payload in lower-case
// hex.
inline constexpr std::string_view kPayloadAudience = "signet:";

// What the issuer says of whoever asks. For rules to match, and for the record: nothing in it is secret.
struct Claims {
  std::string issuer;       // PolicyIssuer::name
  std::string subject;      // "sub"
  boost::json::object all;  // every claim of the token
};

struct VerifiedToken {
  Claims claims;
  std::string issuer;  // "iss"
  // SHA-256, hex, of what was signed (header and payload). Not of the signature too: whoever has a token with
  // an ECDSA signature (r, s) can write down (r, n - s) as well, which would then be a token not used yet.
  std::string hash;
  std::optional<std::string> payload_digest;  // hex; of the one payload that it is bound to
  std::int64_t expires = 0;                   // "exp", seconds since 1970
  std::int64_t skew = 0;                      // seconds, of the policy's issuer
  std::int64_t max_uses = 1;                  // the same
};

// The keys of an issuer; null: there are none.
using IssuerKeys = std::function<std::shared_ptr<const JwkSet>(const PolicyIssuer&)>;

// `now`: seconds since 1970. Every check of the IdentityFaults from TooLarge to Lifetime, in that order.
Result<VerifiedToken> verify_identity_token(const Secret& token, std::span<const PolicyIssuer> issuers,
                                            const IssuerKeys& keys, std::int64_t now);

// The part of it that needs no key: audience, times, subject. `token.claims.issuer` is taken from `issuer`.
Result<VerifiedToken> check_claims(boost::json::object claims, const PolicyIssuer& issuer, std::int64_t now);

}  // namespace signet
