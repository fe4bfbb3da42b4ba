// An issuer's public keys: a JWK Set (RFC 7517 section 5). Values; immutable, thread safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/identity/jose_library.h"
#include "agent/identity/jws_algorithm.h"
#include "protocol/result.h"

namespace signet {

inline constexpr std::size_t kMaxJwksSize = 256 * 1024;  // bytes of the file
inline constexpr std::size_t kMaxJwks = 64;              // keys in it
inline constexpr std::size_t kMinRsaBits = 2048;
inline constexpr std::size_t kMaxRsaBits = 8192;  // a larger one costs the event loop too much

// A key with which signatures can be verified.
struct Jwk {
  std::string key_id;          // kid
  std::string key_type;        // kty: "RSA" or "EC"
  std::string curve;           // crv; empty for RSA
  std::string algorithm;       // alg; empty: not said
  bool for_signatures = true;  // false: "use" or "key_ops" say something else
  std::size_t size = 0;        // bytes of the modulus or of a coordinate
  JoseKey key;
};

class JwkSet {
 public:
  // FileFault for anything but a sound set with at least one key that could verify a token: no JSON object, a
  // kid or a member twice, private or symmetric members, an RSA modulus or exponent out of bounds, a point
  // off its curve, too many keys. As RFC 7517 section 5 says, keys of a kind that is not supported are left
  // out; so are keys without kid, which no token can name. `source`: for the message.
  static Result<JwkSet> parse(std::string_view text, const std::string& source);

  const Jwk* find(std::string_view key_id) const;  // null: none has this kid
  const std::vector<Jwk>& keys() const { return keys_; }

 private:
  std::vector<Jwk> keys_;
};

// Whether the key may verify a signature of this algorithm (RFC 7517 sections 4.2 to 4.4, RFC 7518 section
// 3.4).
bool key_fits(const Jwk& key, const JwsAlgorithm& algorithm);
// How long a signature must be: cjose does not look.
std::size_t signature_size(const Jwk& key, const JwsAlgorithm& algorithm);

}  // namespace signet
