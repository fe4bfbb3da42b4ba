// A disk that fails on demand, for a whole program: LD_PRELOAD=lib/signet-disk-shim.so.
//
// SIGNET_DISK_PATH: files whose path begins so are on that disk. SIGNET_DISK_CONTROL: a file whose first word
// says what is wrong with it now; none, or no file: nothing.
//   full       writing gives ENOSPC         read-only   writing gives EROFS
//   write-io   writing gives EIO            sync-io     fsync and fdatasync give EIO
// Read at every call: it is a shim for tests, not for speed.
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

bool on_that_disk(int file) {
  const char* const prefix = std::getenv("SIGNET_DISK_PATH");
  if (prefix == nullptr) return false;
  char link[64], path[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = ::readlink(link, path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = '\0';
  return std::strncmp(path, prefix, std::strlen(prefix)) == 0;
}

// Its own open and read: nothing here may come back to this shim.
void read_control(char* word, std::size_t size) {
  word[0] = '\0';
  const char* const control = std::getenv("SIGNET_DISK_CONTROL");
  if (control == nullptr) return;
  const int file = ::open(control, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  const ssize_t count = ::read(file, word, size - 1);
  ::close(file);
  word[count > 0 ? count : 0] = '\0';
  word[std::strcspn(word, " \n")] = '\0';
}

// The errno of a fault that the disk has now; 0: none.
int fault_of(int file, bool sync) {
  const int before = errno;
  int fault = 0;
  if (on_that_disk(file)) {
    char word[32];
    read_control(word, sizeof word);
    if (sync)
      fault = std::strcmp(word, "sync-io") == 0 ? EIO : 0;
    else
      fault = std::strcmp(word, "full") == 0        ? ENOSPC
              : std::strcmp(word, "read-only") == 0 ? EROFS
              : std::strcmp(word, "write-io") == 0  ? EIO
                                                    : 0;
  }
  errno = before;
  return fault;
}

bool fails(int file, bool sync) {
  const int fault = fault_of(file, sync);
  if (fault != 0) errno = fault;
  return fault != 0;
}

}  // namespace

#define SIGNET_EXPORT extern "C" __attribute__((visibility("default")))

SIGNET_EXPORT ssize_t write(int file, const void* data, size_t size) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  return fails(file, false) ? -1 : next(file, data, size);
}
SIGNET_EXPORT ssize_t pwrite(int file, const void* data, size_t size, off_t offset) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return fails(file, false) ? -1 : next(file, data, size, offset);
}
SIGNET_EXPORT ssize_t pwrite64(int file, const void* data, size_t size, off64_t offset) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  return fails(file, false) ? -1 : next(file, data, size, offset);
}
SIGNET_EXPORT int ftruncate64(int file, off64_t size) {
  static const auto next = real<int (*)(int, off64_t)>("ftruncate64");
  return fails(file, false) ? -1 : next(file, size);
}
SIGNET_EXPORT int fsync(int file) {
  static const auto next = real<int (*)(int)>("fsync");
  return fails(file, true) ? -1 : next(file);
}
SIGNET_EXPORT int fdatasync(int file) {
  static const auto next = real<int (*)(int)>("fdatasync");
  return fails(file, true) ? -1 : next(file);
}
