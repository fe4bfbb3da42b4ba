// What the checkpoint signer keeps, in a directory of its own (0700): the private key, and the newest
// checkpoint that it ever signed. For the program signet-checkpoint-signer alone.
//   key.pem   PKCS #8, Ed25519, mode 0600; made when there is none, never replaced
//   newest    the newest checkpoint's text; replaced as a whole, durable before the signature is handed out
#pragma once

#include <filesystem>
#include <optional>

#include "protocol/checkpoint.h"
#include "protocol/openssl_handles.h"
#include "protocol/result.h"

namespace signet {

// Not thread safe; one process at a time (DIRECTORY/lock).
class SignerStore {
 public:
  // FileFault for a directory or key that others can touch, that cannot be read or is damaged, or that
  // another process holds for two seconds more; also for a directory with one of key and checkpoint but not
  // the key: it is never made anew then.
  static Result<SignerStore> open(const std::filesystem::path& directory);
  ~SignerStore();
  SignerStore(SignerStore&& other) noexcept;
  SignerStore& operator=(SignerStore&&) = delete;

  EVP_PKEY* key() const { return key_.get(); }
  const std::optional<Checkpoint>& newest() const { return newest_; }
  // Durable when it returns.
  Result<void> keep(const Checkpoint& checkpoint);

 private:
  SignerStore(std::filesystem::path directory, int lock);
  Result<void> load();

  std::filesystem::path directory_;
  int lock_ = -1;
  EvpKey key_;
  std::optional<Checkpoint> newest_;
};

}  // namespace signet
