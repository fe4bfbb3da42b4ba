#include "agent/start_pages.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

namespace signet {
namespace {

// A mapping of a file's code: "55c0f965e000-55c0f9b5e000 r-xp 0002e000 fe:00 5344062   /usr/bin/signetd".
// Read-only data is left alone: what the linker relocated looks the same, and is in no file.
void give_back(const std::string& mapping) {
  std::istringstream fields(mapping);
  std::uintptr_t begin = 0, end = 0;
  char dash = 0;
  std::string permissions, offset, device, inode, path;
  fields >> std::hex >> begin >> dash >> end >> permissions >> offset >> device >> inode >> path;
  if (!fields || permissions != "r-xp" || !path.starts_with('/')) return;
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace

void give_back_start_pages() {
  std::ifstream maps("/proc/self/maps");
  for (std::string mapping; std::getline(maps, mapping);) give_back(mapping);
  ::malloc_trim(0);
}

}  // namespace signet
