#include "tests/protocol/test_keys.h"

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <map>
#include <stdexcept>

#include "protocol/openssl_handles.h"

namespace signet::test {
namespace {

void must(bool holds) {
  if (!holds) throw std::runtime_error("OpenSSL failed in a test key");
}

EVP_PKEY* generate(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::EcdsaP256:
      return EVP_EC_gen("P-256");
    case KeyAlgorithm::EcdsaP384:
      return EVP_EC_gen("P-384");
    case KeyAlgorithm::Rsa2048:
      return EVP_RSA_gen(2048);
    case KeyAlgorithm::Rsa3072:
      return EVP_RSA_gen(3072);
    case KeyAlgorithm::Rsa4096:
      return EVP_RSA_gen(4096);
    case KeyAlgorithm::Ed25519:
      break;
  }
  return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
}

Bytes spki_of(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  must(size > 0);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

// Not by the code under test.
Bytes der_to_raw(const Bytes& der, int half) {
  const unsigned char* at = der.data();
  const EcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  must(signature != nullptr);
  Bytes raw(static_cast<std::size_t>(2 * half));
  must(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), half) == half);
  must(BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + half, half) == half);
  return raw;
}

}  // namespace

TestKey::TestKey(KeyAlgorithm algorithm) : key_(generate(algorithm), EVP_PKEY_free) {
  must(key_ != nullptr);
  public_key_ = std::make_shared<const PublicKey>(PublicKey::from_spki(spki_of(key_.get())).value());
}

Bytes TestKey::sign(SignatureScheme scheme, BytesView message, int pss_salt) const {
  const EvpDigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;
  const EVP_MD* digest = scheme == SignatureScheme::Ed25519       ? nullptr
                         : scheme == SignatureScheme::EcdsaSha384 ? EVP_sha384()
                                                                  : EVP_sha256();
  must(EVP_DigestSignInit(context.get(), &parameters, digest, nullptr, key_.get()) == 1);
  if (scheme == SignatureScheme::RsaPssSha256) {
    must(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1);
    must(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, pss_salt) == 1);
  }
  std::size_t size = 0;
  must(EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) == 1);
  Bytes signature(size);
  must(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1);
  signature.resize(size);
  if (public_key_->algorithm() == KeyAlgorithm::EcdsaP256) return der_to_raw(signature, 32);
  if (public_key_->algorithm() == KeyAlgorithm::EcdsaP384) return der_to_raw(signature, 48);
  return signature;
}

const TestKey& test_key(KeyAlgorithm algorithm, int number) {
  static std::map<std::pair<KeyAlgorithm, int>, TestKey> keys;
  const auto which = std::make_pair(algorithm, number);
  const auto found = keys.find(which);
  return found != keys.end() ? found->second : keys.emplace(which, TestKey(algorithm)).first->second;
}

}  // namespace signet::test
