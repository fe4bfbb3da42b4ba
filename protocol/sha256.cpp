#include "protocol/sha256.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <stdexcept>

namespace signet {

const EVP_MD* sha256_algorithm() {
  // Never freed: a thread may hash while static objects end.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (algorithm == nullptr) throw std::runtime_error("OpenSSL has no SHA-256");
  return algorithm;
}

Bytes sha256(BytesView data) {
  Bytes digest(SHA256_DIGEST_LENGTH);
  if (EVP_Digest(data.data(), data.size(), digest.data(), nullptr, sha256_algorithm(), nullptr) != 1)
    throw std::runtime_error("OpenSSL cannot compute SHA-256");
  return digest;
}

std::string sha256_hex(BytesView data) {
  return to_hex(sha256(data));
}

}  // namespace signet
