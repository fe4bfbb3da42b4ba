// Reading a file that somebody else may have put there: never held up by it, and never more of it than
// wanted.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace signet {

// Open for reading, closed at the end of its scope. Thread safe as far as different objects are concerned.
class BoundedFile {
 public:
  // Follows links. A FIFO or a terminal opens at once, too: look at status() before read().
  explicit BoundedFile(const std::filesystem::path& path);
  ~BoundedFile();
  BoundedFile(const BoundedFile&) = delete;
  BoundedFile& operator=(const BoundedFile&) = delete;

  // 0, or the errno of what failed first; then nothing else of this can be used.
  int fault() const { return fault_; }
  // Of the file that is open, whatever its path names by now.
  const struct stat& status() const { return status_; }
  bool is_regular() const { return S_ISREG(status_.st_mode); }
  // The first `most` bytes, or all if there are fewer; nothing where reading failed: see fault(). To see that
  // a file has too much, ask for one more.
  std::optional<std::string> read(std::size_t most);

 private:
  int descriptor_;
  int fault_ = 0;
  struct stat status_ {};
};

}  // namespace signet
