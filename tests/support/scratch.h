// A directory of one's own, removed with all it holds.
#pragma once

#include <filesystem>
#include <string_view>

namespace signet::test {

class ScratchDir {
 public:
  // Under $TMPDIR, or /tmp; mode 0700. Throws std::system_error.
  explicit ScratchDir(std::string_view name = "signet-test");
  ~ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace signet::test
