// The JWKS file of an issuer: read again when it changes, and never lost to a broken one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "agent/config/bounded_file.h"
#include "agent/identity/jwk_set.h"
#include "protocol/result.h"

namespace signet {

// Whose the file must be.
enum class JwksOwnership {
  // A person's own agent: the agent's user or root owns the file, and nobody else can write to it.
  Own,
  // System mode, as for the policy: the file, links to it and all directories above belong to root and nobody
  // else can write to them.
  System,
};

// Not thread safe: the agent's loop. Reads on the caller's thread: the file is small and local.
class JwksFile {
 public:
  JwksFile(std::filesystem::path path, JwksOwnership ownership);

  // The keys as the file has them now. One stat(2) unless the file changed since the last call (device,
  // inode, size, mtime, ctime). If it is gone, not to be trusted or broken, the keys that were read last are
  // kept, and that is logged, once for each state of the file. Null if the file was never good.
  std::shared_ptr<const JwkSet> keys();

  const std::filesystem::path& path() const { return path_; }
  // Why the file as it is now is not used; nothing if it is.
  const std::optional<Error>& fault() const { return fault_; }

 private:
  // What tells one state of a file from another.
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = -1;
    std::int64_t modified_ns = 0, changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };

  Stamp stamp() const;
  Result<JwkSet> read() const;
  Result<void> check_owner(const BoundedFile& file) const;
  void take(Result<JwkSet> fresh);

  std::filesystem::path path_;
  JwksOwnership ownership_;
  std::optional<Stamp> seen_;
  std::shared_ptr<const JwkSet> keys_;
  std::optional<Error> fault_;
};

}  // namespace signet
