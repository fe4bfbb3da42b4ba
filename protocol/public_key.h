// Public keys: the identity of every key is its DER SubjectPublicKeyInfo.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protocol/bytes.h"
#include "protocol/result.h"
#include "protocol/sha256.h"

namespace signet {

enum class KeyAlgorithm { EcdsaP256, EcdsaP384, Rsa2048, Rsa3072, Rsa4096, Ed25519 };

// "ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519".
std::string_view to_string(KeyAlgorithm algorithm);
Result<KeyAlgorithm> parse_key_algorithm(std::string_view name);

// A parsed public key of one of the algorithms above. A value: copies share the parsed form. Immutable,
// thread safe.
class PublicKey {
 public:
  // MetadataInvalid (why "public-key") for anything else: other curves, explicit parameters, RSA of other
  // sizes or with an even exponent or one below 3, a point that is not on the curve, trailing bytes.
  static Result<PublicKey> from_spki(BytesView der);
  static Result<PublicKey> from_pem(std::string_view pem);  // "BEGIN PUBLIC KEY" or a certificate (its key)
  static Result<PublicKey> from_ed25519(BytesView raw);     // 32 bytes

  KeyAlgorithm algorithm() const;
  const Bytes& spki() const;                        // minimal DER, named curve, uncompressed point
  const std::string& fingerprint() const;           // SHA-256 of spki(), hex
  Bytes ed25519_raw() const;                        // 32 bytes; ed25519 only
  std::string pem() const;                          // "BEGIN PUBLIC KEY", 64 columns, final newline
  std::string ssh(std::string_view comment) const;  // an authorized_keys line without a newline
  void* handle() const;                             // the EVP_PKEY, borrowed

  bool operator==(const PublicKey& other) const { return spki() == other.spki(); }

 private:
  struct State;
  explicit PublicKey(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

}  // namespace signet
