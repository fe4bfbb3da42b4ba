#include "agent/config/state_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "agent/config/directories.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

Error fault(const fs::path& path, const std::string& what) {
  return {ErrorName::FileFault, "The state directory " + path.string() + " " + what};
}

// Parents get the usual mode, the directory itself 0700: whatever the umask is.
Result<void> make_directory(const fs::path& path) {
  std::error_code ec;
  fs::create_directories(path.parent_path(), ec);
  if (ec) return fault(path, "cannot be made: " + ec.message() + ". Make it, or give another --state.");
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fault(
      path, std::string("cannot be made: ") + std::strerror(errno) + ". Make it, or give another --state.");
}

Result<void> check_directory(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0)
    return fault(path, std::string("cannot be looked at: ") + std::strerror(errno) + ".");
  if (S_ISLNK(status.st_mode) && ::stat(path.c_str(), &status) != 0)
    return fault(path, "is a link that leads nowhere. Remove it, or give another --state.");
  if (!S_ISDIR(status.st_mode)) return fault(path, "is no directory. Move it away, or give another --state.");
  if (status.st_uid != ::geteuid())
    return fault(path, "belongs to uid " + std::to_string(status.st_uid) + ", and the agent is uid " +
                           std::to_string(::geteuid()) + ". Give another --state, or run as its owner.");
  if ((status.st_mode & 077) != 0)
    return fault(path, "can be looked into by others. Close it: chmod 700 " + path.string());
  return {};
}

}  // namespace

Result<StateDirectory> StateDirectory::open(const fs::path& path) {
  if (!path.is_absolute()) return fault(path, "must be an absolute path. Give it from the root on.");
  // "/a/b/" names "/a/b".
  const fs::path clean = path.has_filename() ? path : path.parent_path();
  if (Result<void> made = make_directory(clean); !made) return made.error();
  if (Result<void> good = check_directory(clean); !good) return good.error();
  const fs::path file = clean / "lock";
  const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return fault(clean, "cannot be locked: " + file.string() + ": " + std::strerror(errno) + ".");
  StateDirectory directory(clean, lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return directory;
  if (errno != EWOULDBLOCK)
    return fault(clean, std::string("cannot be locked: ") + std::strerror(errno) + ".");
  return Error(ErrorName::AlreadyExists,
               "Another agent holds the state directory " + clean.string() +
                   ". Stop it first, or give this one another --state.",
               {{"kind", "object"}, {"name", clean.string()}});
}

StateDirectory::StateDirectory(fs::path path, int lock) : path_(std::move(path)), lock_(lock) {}

StateDirectory::StateDirectory(StateDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StateDirectory::~StateDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

fs::path default_state_directory(bool system) {
  return system ? fs::path("/var/lib/signet") : state_home() / "signet";
}

}  // namespace signet
