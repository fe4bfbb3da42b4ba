#include "pkcs11/public_key_der.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

namespace signet::host {

namespace {

// Everything of a SubjectPublicKeyInfo that comes before the key's own bytes.
constexpr std::array<std::uint8_t, 26> kP256 = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                                0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                                0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
constexpr std::array<std::uint8_t, 23> kP384 = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                                0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                                0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00};
constexpr std::array<std::uint8_t, 12> kEd25519 = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                   0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
constexpr std::array<std::uint8_t, 15> kRsaAlgorithm = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                        0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
constexpr std::uint8_t kInteger = 0x02, kBitString = 0x03, kOctetString = 0x04, kSequence = 0x30,
                       kUncompressed = 0x04;

struct Shape {
  Algorithm algorithm;
  BytesView prefix;
  std::size_t key_size;
};
const std::array<Shape, 3> kShapes = {{{Algorithm::EcdsaP256, kP256, 65},
                                       {Algorithm::EcdsaP384, kP384, 97},
                                       {Algorithm::Ed25519, kEd25519, 32}}};

Bytes join(BytesView a, BytesView b) {
  Bytes result = to_bytes(a);
  result.insert(result.end(), b.begin(), b.end());
  return result;
}

// A DER element: tag, minimal length, content (at most 64 KiB).
Bytes element(std::uint8_t tag, BytesView content) {
  Bytes result{tag};
  const std::size_t size = content.size();
  if (size >= 0x100) {
    result.push_back(0x82);
    result.push_back(static_cast<std::uint8_t>(size >> 8));
  } else if (size >= 0x80) {
    result.push_back(0x81);
  }
  result.push_back(static_cast<std::uint8_t>(size));
  result.insert(result.end(), content.begin(), content.end());
  return result;
}

BytesView without_leading_zeros(BytesView number) {
  while (!number.empty() && number[0] == 0) number = number.subspan(1);
  return number;
}

// A positive INTEGER.
Bytes integer(BytesView number) {
  const bool needs_sign = (number[0] & 0x80) != 0;
  return element(kInteger, needs_sign ? join(Bytes{0}, number) : to_bytes(number));
}

// The bare point of `size` bytes, wrapped or not.
std::optional<BytesView> bare_point(BytesView point, std::size_t size) {
  if (point.size() == size) return point;
  if (point.size() == size + 2 && point[0] == kOctetString && point[1] == size) return point.subspan(2);
  return std::nullopt;
}

std::optional<PublicKeyDer> with_shape(const Shape& shape, BytesView point) {
  const auto bare = bare_point(point, shape.key_size);
  if (!bare) return std::nullopt;
  return PublicKeyDer{shape.algorithm, join(shape.prefix, *bare)};
}

// OpenSSL's number for the curve, NID_undef for none that has a name.
int curve_of(BytesView params) {
  const unsigned char* cursor = params.data();
  const std::unique_ptr<EC_GROUP, decltype(&EC_GROUP_free)> group(
      d2i_ECPKParameters(nullptr, &cursor, static_cast<long>(params.size())), EC_GROUP_free);
  ERR_clear_error();
  if (!group || cursor != params.data() + params.size()) return NID_undef;
  const int nid = EC_GROUP_check_named_curve(group.get(), 1, nullptr);
  ERR_clear_error();
  return nid;
}

std::optional<Algorithm> rsa_algorithm(BytesView modulus) {
  if (modulus.empty() || (modulus[0] & 0x80) == 0) return std::nullopt;
  switch (modulus.size()) {
    case 256:
      return Algorithm::Rsa2048;
    case 384:
      return Algorithm::Rsa3072;
    case 512:
      return Algorithm::Rsa4096;
    default:
      return std::nullopt;
  }
}

// OpenSSL's own encoding of a key that it parsed. Elliptic curves keep the form they came in, so anything but
// a named curve and an uncompressed point does not match.
std::optional<PublicKeyDer> from_parsed(EVP_PKEY* key) {
  unsigned char* out = nullptr;
  const int size = i2d_PUBKEY(key, &out);
  ERR_clear_error();
  if (size <= 0) return std::nullopt;
  const Bytes der(out, out + size);
  OPENSSL_free(out);
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
    switch (EVP_PKEY_get_bits(key)) {
      case 2048:
        return PublicKeyDer{Algorithm::Rsa2048, der};
      case 3072:
        return PublicKeyDer{Algorithm::Rsa3072, der};
      case 4096:
        return PublicKeyDer{Algorithm::Rsa4096, der};
      default:
        return std::nullopt;
    }
  }
  for (const Shape& shape : kShapes) {
    const std::size_t prefix = shape.prefix.size();
    if (der.size() != prefix + shape.key_size ||
        !std::equal(shape.prefix.begin(), shape.prefix.end(), der.begin()))
      continue;
    if (shape.algorithm == Algorithm::Ed25519 || der[prefix] == kUncompressed)
      return PublicKeyDer{shape.algorithm, der};
  }
  return std::nullopt;
}

}  // namespace

std::optional<PublicKeyDer> ec_public_key(BytesView params, BytesView point) {
  const int curve = curve_of(params);
  if (curve != NID_X9_62_prime256v1 && curve != NID_secp384r1) return std::nullopt;
  auto key = with_shape(curve == NID_X9_62_prime256v1 ? kShapes[0] : kShapes[1], point);
  const std::size_t prefix = curve == NID_X9_62_prime256v1 ? kP256.size() : kP384.size();
  if (!key || key->spki[prefix] != kUncompressed) return std::nullopt;
  return key;
}

std::optional<PublicKeyDer> edwards_public_key(BytesView point) {
  return with_shape(kShapes[2], point);
}

std::optional<PublicKeyDer> rsa_public_key(BytesView modulus, BytesView exponent) {
  modulus = without_leading_zeros(modulus);
  exponent = without_leading_zeros(exponent);
  const auto algorithm = rsa_algorithm(modulus);
  if (!algorithm || exponent.empty() || exponent.size() > 8) return std::nullopt;
  const Bytes key = element(kSequence, join(integer(modulus), integer(exponent)));
  const Bytes bits = element(kBitString, join(Bytes{0}, key));
  return PublicKeyDer{*algorithm, element(kSequence, join(kRsaAlgorithm, bits))};
}

std::optional<PublicKeyDer> spki_public_key(BytesView der) {
  const unsigned char* cursor = der.data();
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      d2i_PUBKEY(nullptr, &cursor, static_cast<long>(der.size())), EVP_PKEY_free);
  ERR_clear_error();
  if (!key || cursor != der.data() + der.size()) return std::nullopt;
  return from_parsed(key.get());
}

std::optional<PublicKeyDer> certificate_public_key(BytesView der) {
  const unsigned char* cursor = der.data();
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      d2i_X509(nullptr, &cursor, static_cast<long>(der.size())), X509_free);
  EVP_PKEY* key = certificate ? X509_get0_pubkey(certificate.get()) : nullptr;
  ERR_clear_error();
  return key == nullptr ? std::nullopt : from_parsed(key);
}

Bytes ec_parameters(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::EcdsaP256:
      return {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    case Algorithm::EcdsaP384:
      return {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
    case Algorithm::Ed25519:
      return {0x06, 0x03, 0x2b, 0x65, 0x70};
    default:
      return {};
  }
}

unsigned modulus_bits(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::Rsa2048:
      return 2048;
    case Algorithm::Rsa3072:
      return 3072;
    case Algorithm::Rsa4096:
      return 4096;
    default:
      return 0;
  }
}

}  // namespace signet::host
