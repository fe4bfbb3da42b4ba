// The public key of a key object as DER SubjectPublicKeyInfo, in the one form that Signet compares: named
// curve, uncompressed point, minimal lengths (RFC 5280, RFC 5480, RFC 8410). Pure functions, thread safe.
#pragma once

#include <optional>

#include "pkcs11/host_frame.h"

namespace signet::host {

struct PublicKeyDer {
  Algorithm algorithm = Algorithm::EcdsaP256;
  Bytes spki;
  bool operator==(const PublicKeyDer&) const = default;
};

// All: nothing for a key of another algorithm, size or curve, or bytes that make no sense. Whether a point is
// on its curve is for the reader of the key to check.

// CKA_EC_PARAMS (a named curve, or explicit parameters of one: ykcs11 gives those for imported keys) and
// CKA_EC_POINT (an OCTET STRING, as the standard wants it, or the bare point, as some modules give it).
std::optional<PublicKeyDer> ec_public_key(BytesView params, BytesView point);
// CKA_EC_POINT of a CKK_EC_EDWARDS key, wrapped or bare.
std::optional<PublicKeyDer> edwards_public_key(BytesView point);
// CKA_MODULUS and CKA_PUBLIC_EXPONENT: big-endian, leading zeros allowed.
std::optional<PublicKeyDer> rsa_public_key(BytesView modulus, BytesView exponent);
// CKA_PUBLIC_KEY_INFO.
std::optional<PublicKeyDer> spki_public_key(BytesView der);
// CKA_VALUE of a CKC_X_509 certificate.
std::optional<PublicKeyDer> certificate_public_key(BytesView der);

// CKA_EC_PARAMS to generate a key with: the curve's object identifier. Not for RSA.
Bytes ec_parameters(Algorithm algorithm);
// The bits of an RSA algorithm's modulus; 0 for the others.
unsigned modulus_bits(Algorithm algorithm);

}  // namespace signet::host
