#include "tests/support/scratch.h"

#include <stdlib.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace signet::test {

ScratchDir::ScratchDir(std::string_view name) {
  std::string pattern = (std::filesystem::temp_directory_path() / name).string() + "-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), pattern);
  path_ = pattern;
}

ScratchDir::~ScratchDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace signet::test
