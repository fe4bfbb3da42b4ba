#include "agent/identity/jose_library.h"

#include <cjose/cjose.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "protocol/secret.h"

namespace signet {
namespace {

void wipe_and_free(void* memory) {
  if (memory == nullptr) return;
  wipe_memory(memory, malloc_usable_size(memory));
  std::free(memory);
}

void* wiping_realloc(void* memory, std::size_t size) {
  if (memory == nullptr) return std::malloc(size);
  void* moved = std::malloc(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, memory, std::min(size, malloc_usable_size(memory)));
  wipe_and_free(memory);
  return moved;
}

// cjose and the JSON library below it hold the whole token: what they free is wiped. cjose would hand the
// same functions to OpenSSL, which takes them only before its first allocation; so that comes first, or every
// buffer of every signature of this process would be wiped too.
void prepare() {
  static const bool once = [] {
    OPENSSL_free(OPENSSL_malloc(1));
    cjose_set_alloc_funcs(std::malloc, wiping_realloc, wipe_and_free);
    return true;
  }();
  static_cast<void>(once);
}

struct ReleaseJwk {
  void operator()(cjose_jwk_t* jwk) const { cjose_jwk_release(jwk); }
};

struct ReleaseJws {
  void operator()(cjose_jws_t* jws) const { cjose_jws_release(jws); }
};
using Jws = std::unique_ptr<cjose_jws_t, ReleaseJws>;

// What OpenSSL has to say of a bad signature would be read later as another call's error.
struct ForgottenErrors {
  ~ForgottenErrors() { ERR_clear_error(); }
};

}  // namespace

class CjoseKey {
 public:
  explicit CjoseKey(cjose_jwk_t* key) : key_(key) {}
  // cjose's functions take no const key; verifying only reads it.
  cjose_jwk_t* get() const { return key_.get(); }

 private:
  std::unique_ptr<cjose_jwk_t, ReleaseJwk> key_;
};

JoseKey import_jwk(const std::string& json) {
  prepare();
  const ForgottenErrors forgotten;
  cjose_err error{};
  cjose_jwk_t* key = cjose_jwk_import(json.data(), json.size(), &error);
  if (key == nullptr) return nullptr;
  return std::make_shared<const CjoseKey>(key);
}

std::optional<WipedBuffer> verify_jws(std::string_view compact, const JoseKey& key) {
  prepare();
  const ForgottenErrors forgotten;
  cjose_err error{};
  const Jws jws(cjose_jws_import(compact.data(), compact.size(), &error));
  if (!jws || !cjose_jws_verify(jws.get(), key->get(), &error)) return std::nullopt;
  std::uint8_t* bytes = nullptr;  // cjose's, as long as the JWS
  std::size_t size = 0;
  if (!cjose_jws_get_plaintext(jws.get(), &bytes, &size, &error)) return std::nullopt;
  return WipedBuffer(bytes, bytes + size);
}

}  // namespace signet
