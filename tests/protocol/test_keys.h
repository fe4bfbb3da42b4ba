// Keys in memory that sign as a token does: raw r || s, PSS with a salt of 32 bytes, Ed25519 over the
// message.
#pragma once

#include <openssl/evp.h>

#include <memory>

#include "protocol/public_key.h"
#include "protocol/signature.h"

namespace signet::test {

class TestKey {
 public:
  explicit TestKey(KeyAlgorithm algorithm);

  const PublicKey& public_key() const { return *public_key_; }
  // pss_salt: in bytes, for PSS only.
  Bytes sign(SignatureScheme scheme, BytesView message, int pss_salt = 32) const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<const PublicKey> public_key_;
};

// The `number`th key of its algorithm, made when first asked for (RSA takes its time).
const TestKey& test_key(KeyAlgorithm algorithm, int number = 0);

inline constexpr KeyAlgorithm kAllAlgorithms[] = {KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384,
                                                  KeyAlgorithm::Rsa2048,   KeyAlgorithm::Rsa3072,
                                                  KeyAlgorithm::Rsa4096,   KeyAlgorithm::Ed25519};

}  // namespace signet::test
