#include "agent/ledger/ledger_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace signet {
namespace {

namespace fs = std::filesystem;

Error unavailable(std::string_view why, std::string message) {
  boost::json::object parameters{{"why", why}};
  return {ErrorName::LedgerUnavailable, std::move(message), std::move(parameters)};
}

Error system_fault(const char* what, const fs::path& path, int code) {
  const bool full = code == ENOSPC || code == EDQUOT;
  const bool denied = code == EACCES || code == EPERM || code == EROFS;
  return unavailable(full     ? "full"
                     : denied ? "read-only"
                              : "io",
                     std::string("Cannot ") + what + " \"" + path.string() + "\": " + std::strerror(code) +
                         ". Mend that and try again.");
}

Error ledger_exists(const fs::path& path) {
  boost::json::object parameters{{"kind", "ledger"}, {"name", path.string()}};
  return {ErrorName::AlreadyExists,
          "There is a ledger already (\"" + path.string() +
              "\"); it is never replaced. Use another state directory for another ledger.",
          std::move(parameters)};
}

fs::path log_file(const fs::path& directory) {
  return directory / "ledger.db-wal";
}

bool is_there(const fs::path& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

Result<void> sync_path(const fs::path& path, int flags) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
  if (file < 0) return system_fault("open", path, errno);
  const int code = fsync(file) == 0 ? 0 : errno;
  close(file);
  if (code != 0) return system_fault("write", path, code);
  return {};
}

}  // namespace

fs::path ledger_file(const fs::path& directory) {
  return directory / "ledger.db";
}
fs::path unfinished_ledger_file(const fs::path& directory) {
  return directory / "ledger.db.new";
}

fs::path restoring_directory(const fs::path& directory) {
  return directory / "restoring";
}

Result<void> check_ledger_file(const fs::path& directory) {
  const fs::path path = ledger_file(directory);
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return system_fault("look at", path, errno);
    if (is_there(restoring_directory(directory)))
      return unavailable("corrupt", "A restore of the ledger in \"" + directory.string() +
                                        "\" was cut short. Run \"signet ledger restore\" again.");
    if (is_there(log_file(directory)))
      return unavailable("corrupt",
                         "The ledger \"" + path.string() +
                             "\" is gone, but its write-ahead log is still there. Put the file back from "
                             "a backup, or, to start anew, move the log away too.");
    return Error{ErrorName::NotInitialised, "There is no ledger in \"" + directory.string() +
                                                "\". Create it once with \"signet init\"."};
  }
  if (!S_ISREG(status.st_mode))
    return unavailable("not-a-ledger", "\"" + path.string() + "\" is not a regular file. Move it away.");
  if ((status.st_mode & 077) != 0)
    return unavailable("permissions", "Others than the agent's user may read or write the ledger \"" +
                                          path.string() + "\". Take that away: chmod 600.");
  return {};
}

Result<void> start_ledger_file(const fs::path& directory) {
  for (const fs::path& path : {ledger_file(directory), log_file(directory), restoring_directory(directory)})
    if (is_there(path)) return ledger_exists(path);
  remove_unfinished_ledger(directory);
  const fs::path path = unfinished_ledger_file(directory);
  const int file = open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return system_fault("create", path, errno);
  close(file);
  return {};
}

void remove_unfinished_ledger(const fs::path& directory) {
  for (const char* suffix : {"", "-wal", "-journal"})
    unlink((unfinished_ledger_file(directory).string() + suffix).c_str());
}

Result<void> publish_ledger(const fs::path& directory) {
  const fs::path unfinished = unfinished_ledger_file(directory);
  const fs::path path = ledger_file(directory);
  if (auto synced = sync_path(unfinished, 0); !synced) return synced;
  // A link, not a rename: it never replaces.
  if (link(unfinished.c_str(), path.c_str()) != 0)
    return errno == EEXIST ? ledger_exists(path) : system_fault("create", path, errno);
  unlink(unfinished.c_str());
  return sync_path(directory, O_DIRECTORY);
}

}  // namespace signet
