#include "agent/identity/jwks_file.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/config/owned_path.h"

namespace signet {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Error file_fault(const std::filesystem::path& path, const std::string& what) {
  return {ErrorName::FileFault, "The JWKS file " + path.string() + " cannot be used: " + what + "."};
}

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// At most one byte more than the limit, so that the caller sees that there is more.
Result<std::string> read_all(int file, const std::filesystem::path& path) {
  std::string text(kMaxJwksSize + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_fault(path, std::strerror(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
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

Result<void> JwksFile::check_owner(int file) const {
  if (ownership_ == JwksOwnership::System) return check_root_owned(path_, "The JWKS file of an issuer");
  struct stat status {};
  if (::fstat(file, &status) != 0) return file_fault(path_, std::strerror(errno));
  if (status.st_uid != 0 && status.st_uid != ::getuid())
    return file_fault(path_, "it belongs to uid " + std::to_string(status.st_uid) +
                                 ", who could make tokens; it must be your own or root's");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return file_fault(path_, "others can write to it, and could make tokens; chmod go-w it");
  return {};
}

Result<JwkSet> JwksFile::read() const {
  // O_NONBLOCK: a FIFO must not stop the agent.
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return file_fault(path_, std::strerror(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return file_fault(path_, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return file_fault(path_, "it is no regular file");
  if (auto good = check_owner(file.get()); !good) return good.error();
  const auto text = read_all(file.get(), path_);
  if (!text) return text.error();
  if (text->size() > kMaxJwksSize)
    return file_fault(path_, "it has more than " + std::to_string(kMaxJwksSize) + " bytes");
  return JwkSet::parse(*text, path_.string());
}

}  // namespace signet
