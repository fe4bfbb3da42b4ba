#include "client/tuf/directory_source.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <memory>
#include <vector>

#include "client/file_io.h"
#include "protocol/bytes.h"
#include "protocol/metadata.h"

namespace signet::client {
namespace {

namespace fs = std::filesystem;

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// One hash over a file that is read in parts.
class RunningHash {
 public:
  explicit RunningHash(const char* algorithm) : name_(algorithm), context_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context_.get(), EVP_get_digestbyname(algorithm), nullptr);
  }
  void add(const char* data, std::size_t size) { EVP_DigestUpdate(context_.get(), data, size); }
  const std::string& name() const { return name_; }
  std::string finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), hash.data(), &size);
    return to_hex({hash.data(), size});
  }

 private:
  std::string name_;
  std::unique_ptr<EVP_MD_CTX, ContextDeleter> context_;
};

Result<std::optional<ContentDigest>> digest_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  ContentDigest digest;
  std::vector<RunningHash> hashes;
  for (const char* algorithm : {"sha256", "sha512"}) hashes.emplace_back(algorithm);
  std::array<char, 65536> part{};
  while (file.read(part.data(), part.size()) || file.gcount() > 0) {
    const auto size = static_cast<std::size_t>(file.gcount());
    for (auto& hash : hashes) hash.add(part.data(), size);
    digest.length += static_cast<std::int64_t>(size);
  }
  if (!file.eof())
    return file_fault(path, "failed", "Reading " + path.string() + " failed. Check who may read it.");
  for (auto& hash : hashes) digest.hashes[hash.name()] = hash.finish();
  return std::optional<ContentDigest>(std::move(digest));
}

bool leads_out(const fs::path& path) {
  if (path.is_absolute() || path.empty()) return true;
  for (const auto& part : path)
    if (part == "..") return true;
  return false;
}

}  // namespace

RepositoryFolders find_folders(const fs::path& directory, const std::optional<std::string>& targets) {
  std::error_code ignored;
  RepositoryFolders folders;
  const bool below = fs::is_directory(directory / "metadata", ignored);
  folders.metadata = below ? directory / "metadata" : directory;
  const fs::path beside =
      below ? directory / "targets" : fs::absolute(directory, ignored).lexically_normal() / ".." / "targets";
  if (targets)
    folders.targets = *targets;
  else if (fs::is_directory(beside, ignored))
    folders.targets = beside;
  return folders;
}

Result<std::optional<std::string>> DirectorySource::metadata(const std::string& name) {
  const fs::path path = folders_.metadata / name;
  std::error_code ignored;
  if (leads_out(name) || !fs::exists(path, ignored)) return std::optional<std::string>();
  auto text = read_whole_file(path, kMaxMetadataSize);
  if (!text) return text.error();
  return std::optional<std::string>(std::move(*text));
}

Result<std::optional<ContentDigest>> DirectorySource::target(const std::string& path) {
  std::error_code ignored;
  if (!folders_.targets || leads_out(path) || !fs::is_regular_file(*folders_.targets / path, ignored))
    return std::optional<ContentDigest>();
  return digest_file(*folders_.targets / path);
}

}  // namespace signet::client
