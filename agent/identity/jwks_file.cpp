#include "agent/identity/jwks_file.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "agent/config/owned_path.h"

namespace signet {
namespace {

Error file_fault(const std::filesystem::path& path, const std::string& what) {
  return {ErrorName::FileFault, "The JWKS file " + path.string() + " cannot be used: " + what + "."};
}

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

JwksFile::JwksFile(std::filesystem::path path, JwksOwnership ownership)
    : path_(std::move(path)), ownership_(ownership) {}

std::shared_ptr<const JwkSet> JwksFile::keys() {
  // Taken before the file is read: what changes meanwhile is seen by the next call.
  const Stamp now = stamp();
  if (seen_ == now) return keys_;
  seen_ = now;
  take(read());
  return keys_;
}

JwksFile::Stamp JwksFile::stamp() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

void JwksFile::take(Result<JwkSet> fresh) {
  if (fresh) {
    fault_.reset();
    keys_ = std::make_shared<const JwkSet>(std::move(*fresh));
    spdlog::info("Read {} keys from the JWKS file {}.", keys_->keys().size(), path_.string());
    return;
  }
  fault_ = fresh.error();
  if (keys_)
    spdlog::error("{} The keys that were read before are kept.", fault_->message);
  else
    spdlog::error("{} Identity tokens of its issuer are refused until it is mended.", fault_->message);
}

Result<void> JwksFile::check_owner(const BoundedFile& file) const {
  if (ownership_ == JwksOwnership::System) return check_root_owned(path_, "The JWKS file of an issuer");
  const struct stat& status = file.status();
  if (status.st_uid != 0 && status.st_uid != ::getuid())
    return file_fault(path_, "it belongs to uid " + std::to_string(status.st_uid) +
                                 ", who could make tokens; it must be your own or root's");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return file_fault(path_, "others can write to it, and could make tokens; chmod go-w it");
  return {};
}

Result<JwkSet> JwksFile::read() const {
  BoundedFile file(path_);
  if (file.fault() != 0) return file_fault(path_, std::strerror(file.fault()));
  if (!file.is_regular()) return file_fault(path_, "it is no regular file");
  if (auto good = check_owner(file); !good) return good.error();
  const auto text = file.read(kMaxJwksSize + 1);
  if (!text) return file_fault(path_, std::strerror(file.fault()));
  if (text->size() > kMaxJwksSize)
    return file_fault(path_, "it has more than " + std::to_string(kMaxJwksSize) + " bytes");
  return JwkSet::parse(*text, path_.string());
}

}  // namespace signet
