#include "tests/shim/counters.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>

#include "tests/shim/calls.h"

namespace signet::shim {

namespace {

#define SIGNET_SHIM_NAME(call) #call,
constexpr std::array<std::string_view, kCallCount> kNames = {SIGNET_SHIM_CALLS(SIGNET_SHIM_NAME)};
#undef SIGNET_SHIM_NAME
static_assert(!kNames.back().empty());

}  // namespace

std::size_t call_index(std::string_view call) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (call == kNames[i]) return i;
  return kCallCount;
}

std::string_view call_name(std::size_t index) {
  return kNames.at(index);
}

Counters* map_counters(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return nullptr;
  void* memory = MAP_FAILED;
  // Growing a file fills it with zeros, which is what a new atomic counter holds.
  if (::ftruncate(fd, sizeof(Counters)) == 0)
    memory = ::mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<Counters*>(memory);
}

}  // namespace signet::shim
