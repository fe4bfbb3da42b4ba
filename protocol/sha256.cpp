#include "protocol/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

#include "protocol/openssl_handles.h"

namespace signet {
namespace {

// OpenSSL 3.0 otherwise looks the algorithm up by its name at each start, which takes longer than a short
// hash.
const EVP_MD* algorithm() {
  // Never freed: a thread may hash while static objects end.
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return fetched;
}

}  // namespace

Sha256 sha256_of(std::initializer_list<BytesView> parts) {
  // One a thread: to allocate one takes longer than a short hash.
  thread_local const EvpDigestContext context(EVP_MD_CTX_new());
  Sha256 hash{};
  const bool done =
      algorithm() != nullptr && context && EVP_DigestInit_ex2(context.get(), algorithm(), nullptr) == 1 &&
      std::all_of(
          parts.begin(), parts.end(),
          [](BytesView part) { return EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1; }) &&
      EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) == 1;
  if (!done) throw std::runtime_error("OpenSSL cannot hash: there is no SHA-256, or no memory");
  return hash;
}

Bytes sha256(BytesView data) {
  return to_bytes(sha256_of({data}));
}

std::string sha256_hex(BytesView data) {
  return to_hex(sha256_of({data}));
}

}  // namespace signet
