#include "tests/pkcs11/verify.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <memory>

namespace signet::test {

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

Bytes digest(BytesView message) {
  Bytes result(SHA256_DIGEST_LENGTH);
  ::SHA256(message.data(), message.size(), result.data());
  return result;
}

// r || s as the DER that OpenSSL wants.
Bytes ecdsa_der(BytesView raw) {
  const int half = static_cast<int>(raw.size() / 2);
  ECDSA_SIG* signature = ECDSA_SIG_new();
  ECDSA_SIG_set0(signature, BN_bin2bn(raw.data(), half, nullptr),
                 BN_bin2bn(raw.data() + half, half, nullptr));
  unsigned char* out = nullptr;
  const int size = i2d_ECDSA_SIG(signature, &out);
  ECDSA_SIG_free(signature);
  Bytes der(out, out + (size > 0 ? size : 0));
  OPENSSL_free(out);
  return der;
}

bool verify_digest(EVP_PKEY* key, host::Mechanism mechanism, BytesView message, BytesView signature) {
  const KeyContext context(EVP_PKEY_CTX_new(key, nullptr), EVP_PKEY_CTX_free);
  if (EVP_PKEY_verify_init(context.get()) != 1) return false;
  if (mechanism != host::Mechanism::Ecdsa) {
    const bool pss = mechanism == host::Mechanism::RsaPssSha256;
    EVP_PKEY_CTX_set_rsa_padding(context.get(), pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING);
    EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256());
    if (pss) EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), 32);
  }
  const Bytes hashed = digest(message);
  return EVP_PKEY_verify(context.get(), signature.data(), signature.size(), hashed.data(), hashed.size()) ==
         1;
}

}  // namespace

Bytes input_for(host::Mechanism mechanism, BytesView message) {
  if (mechanism == host::Mechanism::Eddsa) return to_bytes(message);
  Bytes input;
  if (mechanism == host::Mechanism::RsaPkcs1)
    input = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
             0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
  const Bytes hashed = digest(message);
  input.insert(input.end(), hashed.begin(), hashed.end());
  return input;
}

host::Mechanism mechanism_for(host::Algorithm algorithm) {
  switch (algorithm) {
    case host::Algorithm::EcdsaP256:
    case host::Algorithm::EcdsaP384:
      return host::Mechanism::Ecdsa;
    case host::Algorithm::Ed25519:
      return host::Mechanism::Eddsa;
    default:
      return host::Mechanism::RsaPssSha256;
  }
}

bool verifies(BytesView spki, host::Mechanism mechanism, BytesView message, BytesView signature) {
  const unsigned char* cursor = spki.data();
  const Key key(d2i_PUBKEY(nullptr, &cursor, static_cast<long>(spki.size())), EVP_PKEY_free);
  if (!key) return false;
  if (mechanism == host::Mechanism::Ecdsa)
    return verify_digest(key.get(), mechanism, message, ecdsa_der(signature));
  if (mechanism != host::Mechanism::Eddsa) return verify_digest(key.get(), mechanism, message, signature);
  const DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace signet::test
