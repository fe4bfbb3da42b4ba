#include "agent/hardening.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace signet {
namespace {

// A program may be started with 0, 1 or 2 closed: the ledger must never become stderr.
bool fill_standard_descriptors() {
  int fd = 0;
  while ((fd = ::open("/dev/null", O_RDWR)) >= 0 && fd <= 2) {
  }
  if (fd < 0) return false;
  const bool replaced = ::dup2(fd, 0) == 0;
  ::close(fd);
  return replaced;
}

// The allocator would learn from the first 16 MiB message to keep such blocks for ever.
void return_large_blocks() {
  constexpr int kLarge = 256 * 1024;
  ::mallopt(M_MMAP_THRESHOLD, kLarge);
  ::mallopt(M_TRIM_THRESHOLD, 4 * kLarge);
  ::mallopt(M_ARENA_MAX, 2);
}

}  // namespace

const char* harden_process() {
  const char* refused = nullptr;
  const auto step = [&refused](bool done, const char* name) {
    if (!done && refused == nullptr) refused = name;
  };
  const rlimit none{0, 0};
  step(::prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) == 0, "PR_SET_DUMPABLE");
  step(::setrlimit(RLIMIT_CORE, &none) == 0, "RLIMIT_CORE");
  step(::prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) == 0, "PR_SET_NO_NEW_PRIVS");
  ::umask(077);
  step(std::signal(SIGPIPE, SIG_IGN) != SIG_ERR, "SIGPIPE");
  step(fill_standard_descriptors(), "/dev/null");
  step(::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0, "close-on-exec");
  return_large_blocks();
  return refused;
}

std::size_t raise_file_limit(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < wanted) {
    rlimit raised = limit;
    raised.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur;
}

}  // namespace signet
