#include "agent/config/owned_path.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <vector>

namespace signet {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;  // as the kernel

Result<void> check_one(const fs::path& path, const std::string& what, uid_t owner, bool& is_link) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0)
    return Error(ErrorName::FileFault,
                 what + ": cannot look at " + path.string() + ": " + std::strerror(errno) + ".");
  is_link = S_ISLNK(status.st_mode);
  if (status.st_uid != 0 && status.st_uid != owner)
    return Error(ErrorName::FileFault, what + ": " + path.string() + " belongs to uid " +
                                           std::to_string(status.st_uid) +
                                           ". In system mode it must belong to root: "
                                           "chown root " +
                                           path.string() + ".");
  if (!is_link && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return Error(ErrorName::FileFault, what + ": others than root can write to " + path.string() +
                                           ". In system mode they must not: chmod go-w " + path.string() +
                                           ".");
  return {};
}

}  // namespace

// Walks the path part by part, following links by hand, so that the directories above a link's target count
// too.
Result<void> check_root_owned(const fs::path& path, const std::string& what, uid_t owner) {
  std::vector<fs::path> todo;  // parts still to walk, the next one last
  const auto push = [&todo](const fs::path& parts) {
    std::vector<fs::path> reversed(parts.begin(), parts.end());
    todo.insert(todo.end(), reversed.rbegin(), reversed.rend());
  };
  push(path.lexically_normal());
  fs::path here;
  int links = 0;
  while (!todo.empty()) {
    const fs::path part = todo.back();
    todo.pop_back();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      here = here.parent_path();
      continue;
    }
    const fs::path next = here / part;  // an absolute part starts over
    bool is_link = false;
    if (Result<void> good = check_one(next, what, owner, is_link); !good) return good;
    if (!is_link) {
      here = next;
      continue;
    }
    if (++links > kMaxLinks)
      return Error(ErrorName::FileFault,
                   what + ": " + path.string() + " goes through too many symbolic links.");
    std::error_code ec;
    const fs::path target = fs::read_symlink(next, ec);
    if (ec) return Error(ErrorName::FileFault, what + ": cannot read the link " + next.string() + ".");
    push(target);
  }
  return {};
}

}  // namespace signet
