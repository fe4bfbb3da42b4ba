#include "tests/build_paths.h"

namespace signet::test {

std::string source_dir() {
  return SIGNET_SOURCE_DIR;
}

std::string bin_dir() {
  return SIGNET_BIN_DIR;
}

std::string lib_dir() {
  return SIGNET_LIB_DIR;
}

}  // namespace signet::test
