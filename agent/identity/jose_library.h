// The one door to cjose, which does the cryptographic part of JOSE: a JWK becomes a key, a JWS is verified.
//
// Why cjose: it is Debian 12's JOSE library with security support (its last update there is of 2026), kept by
// the author of mod_auth_openidc, on which it lives; it has no network code; and it verifies with OpenSSL,
// which this program has anyway. José (libjose) would do too; its verification picks the key from a whole set
// by itself, where we want to say which key. What cjose leaves to its caller is done by ours: it accepts
// trailing bits in base64url, duplicate keys, any curve for any ES algorithm and ES signatures of any length,
// it knows neither "crit" nor "use", and it takes the algorithm from the header.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/secret_json.h"

namespace signet {

// A public key in cjose's form. Immutable, thread safe.
class CjoseKey;
using JoseKey = std::shared_ptr<const CjoseKey>;

// From a JWK of kty RSA (with n and e) or EC (with crv, x and y), as JSON text. Null if cjose refuses it:
// e.g. a point that is not on its curve, a coordinate of another length.
JoseKey import_jwk(const std::string& json);

// The payload's bytes, if the signature over a compact serialization holds under the key, with the algorithm
// that the header names. The caller has checked the form, the algorithm and that the key goes with it.
std::optional<WipedBuffer> verify_jws(std::string_view compact, const JoseKey& key);

}  // namespace signet
