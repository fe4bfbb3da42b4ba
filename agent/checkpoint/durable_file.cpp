#include "agent/checkpoint/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/config/bounded_file.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

Error file_fault(const char* what, const fs::path& path, int code) {
  boost::json::object parameters{{"path", path.string()}, {"why", code == ENOSPC ? "disk-full" : "failed"}};
  return {ErrorName::FileFault,
          std::string("Cannot ") + what + " \"" + path.string() + "\": " + std::strerror(code) +
              ". Is its file system there, has it room, and may the agent's user do that?",
          std::move(parameters)};
}

Error unfit(const fs::path& path, const std::string& what) {
  boost::json::object parameters{{"path", path.string()}, {"why", "failed"}};
  return {ErrorName::FileFault,
          "\"" + path.string() + "\" " + what + ", so it is not what Signet wrote there. Bring that back.",
          std::move(parameters)};
}

// Closes at its end.
class OpenFile {
 public:
  OpenFile(const fs::path& path, int flags, mode_t mode = 0)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

int write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(fd) == 0 ? 0 : errno;
}

Result<void> write_new(const fs::path& path, std::string_view content, unsigned mode) {
  ::unlink(path.c_str());
  const OpenFile file(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode);
  if (file.fd() < 0) return file_fault("create", path, errno);
  if (::fchmod(file.fd(), mode) != 0) return file_fault("create", path, errno);  // whatever the umask says
  const int code = write_all(file.fd(), content);
  if (code == 0) return {};
  ::unlink(path.c_str());
  return file_fault("write", path, code);
}

Result<void> sync_directory(const fs::path& path) {
  const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const OpenFile file(directory, O_RDONLY | O_DIRECTORY);
  if (file.fd() < 0 || ::fsync(file.fd()) != 0) return file_fault("sync", directory, errno);
  return {};
}

fs::path unfinished(const fs::path& path) {
  return path.string() + ".new";
}

}  // namespace

Result<std::optional<std::string>> read_small_file(const fs::path& path, std::size_t max_size) {
  BoundedFile file(path);
  if (file.fault() == ENOENT) return std::optional<std::string>();
  if (file.fault() != 0) return file_fault("read", path, file.fault());
  if (!file.is_regular()) return unfit(path, "is no regular file");
  auto content = file.read(max_size + 1);
  if (!content) return file_fault("read", path, file.fault());
  if (content->size() > max_size) return unfit(path, "has more than " + std::to_string(max_size) + " bytes");
  return content;
}

Result<void> replace_small_file(const fs::path& path, std::string_view content, unsigned mode) {
  if (auto written = write_new(unfinished(path), content, mode); !written) return written;
  if (::rename(unfinished(path).c_str(), path.c_str()) != 0) return file_fault("replace", path, errno);
  return sync_directory(path);
}

Result<void> create_small_file(const fs::path& path, std::string_view content, unsigned mode) {
  if (auto written = write_new(unfinished(path), content, mode); !written) return written;
  const int code = ::link(unfinished(path).c_str(), path.c_str()) == 0 ? 0 : errno;
  ::unlink(unfinished(path).c_str());
  if (code != 0) return file_fault("create", path, code);
  return sync_directory(path);
}

}  // namespace signet
