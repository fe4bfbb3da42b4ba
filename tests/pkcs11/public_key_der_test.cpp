// Public keys from the attributes of key objects, against OpenSSL's own encoding.
#include "pkcs11/public_key_der.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>

namespace signet::host {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Key ec_key(const char* curve) {
  return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve), EVP_PKEY_free);
}
Key rsa_key(std::size_t bits) {
  return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits), EVP_PKEY_free);
}
Key ed25519_key() {
  return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
}

Bytes spki_of(const Key& key) {
  unsigned char* out = nullptr;
  const int size = i2d_PUBKEY(key.get(), &out);
  Bytes der(out, out + size);
  OPENSSL_free(out);
  return der;
}

Bytes octets(const Key& key, const char* name) {
  std::size_t size = 0;
  EVP_PKEY_get_octet_string_param(key.get(), name, nullptr, 0, &size);
  Bytes value(size);
  EVP_PKEY_get_octet_string_param(key.get(), name, value.data(), value.size(), &size);
  value.resize(size);
  return value;
}

Bytes number(const Key& key, const char* name) {
  BIGNUM* value = nullptr;
  EVP_PKEY_get_bn_param(key.get(), name, &value);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(value)));
  BN_bn2bin(value, bytes.data());
  BN_free(value);
  return bytes;
}

Bytes wrapped(const Bytes& point) {
  Bytes result(2 + point.size());
  result[0] = 0x04;
  result[1] = static_cast<std::uint8_t>(point.size());
  std::copy(point.begin(), point.end(), result.begin() + 2);
  return result;
}

// The curve's parameters spelled out, as ykcs11 gives them for imported keys.
Bytes explicit_parameters(int nid) {
  EC_GROUP* group = EC_GROUP_new_by_curve_name(nid);
  EC_GROUP_set_asn1_flag(group, OPENSSL_EC_EXPLICIT_CURVE);
  unsigned char* out = nullptr;
  const int size = i2d_ECPKParameters(group, &out);
  EC_GROUP_free(group);
  Bytes der(out, out + size);
  OPENSSL_free(out);
  return der;
}

Bytes self_signed(const Key& key) {
  X509* certificate = X509_new();
  X509_set_pubkey(certificate, key.get());
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  const bool edwards = EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_ED25519;
  X509_sign(certificate, key.get(), edwards ? nullptr : EVP_sha256());
  unsigned char* out = nullptr;
  const int size = i2d_X509(certificate, &out);
  X509_free(certificate);
  Bytes der(out, out + size);
  OPENSSL_free(out);
  return der;
}

TEST_CASE("Elliptic curve keys: wrapped or bare points, named or explicit curves") {
  const std::pair<const char*, int> curves[] = {{"P-256", NID_X9_62_prime256v1}, {"P-384", NID_secp384r1}};
  for (const auto& [name, nid] : curves) {
    const Key key = ec_key(name);
    const Bytes point = octets(key, OSSL_PKEY_PARAM_PUB_KEY);
    const Algorithm algorithm = nid == NID_secp384r1 ? Algorithm::EcdsaP384 : Algorithm::EcdsaP256;
    const PublicKeyDer expected{algorithm, spki_of(key)};
    for (const Bytes& params : {ec_parameters(algorithm), explicit_parameters(nid)})
      for (const Bytes& form : {point, wrapped(point)}) CHECK(ec_public_key(params, form) == expected);
    Bytes compressed(point.begin(), point.begin() + static_cast<std::ptrdiff_t>(1 + point.size() / 2));
    compressed[0] = 2;
    CHECK_FALSE(ec_public_key(ec_parameters(algorithm), compressed).has_value());
    Bytes marked = point;
    marked[0] = 6;  // the hybrid form has the same length
    CHECK_FALSE(ec_public_key(ec_parameters(algorithm), marked).has_value());
    CHECK_FALSE(ec_public_key({}, point).has_value());
    CHECK_FALSE(ec_public_key(ec_parameters(algorithm), {}).has_value());
    Bytes longer = ec_parameters(algorithm);
    longer.push_back(0);
    CHECK_FALSE(ec_public_key(longer, point).has_value());
  }
}

TEST_CASE("Another curve of the same size is not taken for P-256") {
  for (const int nid : {NID_secp256k1, NID_brainpoolP256r1}) {
    const Key key = ec_key(OBJ_nid2sn(nid));
    const Bytes point = octets(key, OSSL_PKEY_PARAM_PUB_KEY);
    REQUIRE(point.size() == 65);
    CHECK_FALSE(ec_public_key(explicit_parameters(nid), point).has_value());
    CHECK_FALSE(spki_public_key(spki_of(key)).has_value());
    CHECK_FALSE(certificate_public_key(self_signed(key)).has_value());
  }
}

TEST_CASE("RSA keys of the three sizes, with leading zeros or without") {
  const std::pair<std::size_t, Algorithm> sizes[] = {{2048, Algorithm::Rsa2048}, {3072, Algorithm::Rsa3072}};
  for (const auto& [bits, algorithm] : sizes) {
    const Key key = rsa_key(bits);
    Bytes modulus = number(key, OSSL_PKEY_PARAM_RSA_N);
    Bytes exponent = number(key, OSSL_PKEY_PARAM_RSA_E);
    const PublicKeyDer expected{algorithm, spki_of(key)};
    CHECK(rsa_public_key(modulus, exponent) == expected);
    modulus.insert(modulus.begin(), 0);
    exponent.insert(exponent.begin(), {0, 0});
    CHECK(rsa_public_key(modulus, exponent) == expected);
    CHECK(spki_public_key(expected.spki) == expected);
    CHECK(certificate_public_key(self_signed(key)) == expected);
    CHECK_FALSE(rsa_public_key(modulus, {}).has_value());
    CHECK_FALSE(rsa_public_key({}, exponent).has_value());
    CHECK_FALSE(rsa_public_key(modulus, Bytes(9, 1)).has_value());
  }
  Bytes modulus(512, 0xff);
  CHECK(rsa_public_key(modulus, Bytes{3})->algorithm == Algorithm::Rsa4096);
  modulus[0] = 0x7f;  // 4095 bits
  CHECK_FALSE(rsa_public_key(modulus, Bytes{3}).has_value());
  CHECK_FALSE(rsa_public_key(Bytes(128, 0xff), Bytes{3}).has_value());
  CHECK_FALSE(spki_public_key(spki_of(rsa_key(1024))).has_value());
}

TEST_CASE("Ed25519 keys: wrapped or bare, and no others of that family") {
  const Key key = ed25519_key();
  const Bytes point = octets(key, OSSL_PKEY_PARAM_PUB_KEY);
  const PublicKeyDer expected{Algorithm::Ed25519, spki_of(key)};
  CHECK(edwards_public_key(point) == expected);
  CHECK(edwards_public_key(wrapped(point)) == expected);
  CHECK_FALSE(edwards_public_key(Bytes(57, 1)).has_value());  // Ed448
  CHECK_FALSE(edwards_public_key(Bytes(33, 1)).has_value());
  CHECK_FALSE(edwards_public_key({}).has_value());
  CHECK(spki_public_key(expected.spki) == expected);
  CHECK(certificate_public_key(self_signed(key)) == expected);
}

TEST_CASE("What is no key is none") {
  for (const Bytes& bytes : {Bytes{}, Bytes{0x30}, Bytes{0x30, 0x80}, Bytes(1000, 0x30)}) {
    CHECK_FALSE(spki_public_key(bytes).has_value());
    CHECK_FALSE(certificate_public_key(bytes).has_value());
    CHECK_FALSE(ec_public_key(bytes, Bytes(65, 4)).has_value());
  }
  Bytes trailing = spki_of(ed25519_key());
  trailing.push_back(0);
  CHECK_FALSE(spki_public_key(trailing).has_value());
}

}  // namespace
}  // namespace signet::host
