// The signature algorithms of JOSE that a policy can pin (RFC 7518 section 3.1): the asymmetric ones that
// cjose verifies. Pure, thread safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace signet {

struct JwsAlgorithm {
  std::string_view name;       // "RS256"
  std::string_view key_type;   // kty of its keys: "RSA" or "EC"
  std::string_view curve;      // crv; empty for RSA
  std::size_t signature_size;  // bytes; 0: as long as the RSA modulus
};

// RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512.
std::span<const JwsAlgorithm> jws_algorithms();
// By its exact name; nothing for another.
std::optional<JwsAlgorithm> find_jws_algorithm(std::string_view name);

}  // namespace signet
