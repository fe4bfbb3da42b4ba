#include "agent/config/bounded_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace signet {

BoundedFile::BoundedFile(const std::filesystem::path& path)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
  if (descriptor_ < 0 || ::fstat(descriptor_, &status_) != 0) fault_ = errno;
}

BoundedFile::~BoundedFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<std::string> BoundedFile::read(std::size_t most) {
  std::string content(most, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(descriptor_, content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      fault_ = errno;
      return std::nullopt;
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  content.resize(size);
  return content;
}

}  // namespace signet
