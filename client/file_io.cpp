#include "client/file_io.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

namespace signet::client {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ > STDERR_FILENO) ::close(value_);
  }
  int get() const { return value_; }

 private:
  int value_;
};

// What can be done about the usual reasons.
Error system_fault(const fs::path& path, std::string_view doing, int error) {
  const std::string what =
      std::string(doing) + " " + path.string() + " failed: " + std::generic_category().message(error) + ". ";
  switch (error) {
    case ENOENT:
      return file_fault(path, "not-found", what + "Check the path.");
    case EACCES:
    case EPERM:
    case EROFS:
      return file_fault(path, "permission", what + "Check who may write there.");
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return file_fault(path, "disk-full", what + "The file is as it was. Make room, then try again.");
    case EISDIR:
      return file_fault(path, "failed", what + "Name a file in it.");
    default:
      return file_fault(path, "failed", what + "Look into it, then try again.");
  }
}

Result<std::string> read_descriptor(int descriptor, const fs::path& path, std::size_t max_size) {
  std::string content;
  std::array<char, 65536> part{};
  for (;;) {
    const ssize_t count = ::read(descriptor, part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_fault(path, "Reading", errno);
    if (count == 0) return content;
    content.append(part.data(), static_cast<std::size_t>(count));
    if (content.size() > max_size)
      return file_fault(path, "too-large",
                        path.string() + " is larger than " + std::to_string(max_size) +
                            " bytes, the most that is read here.");
  }
}

Result<void> write_all(int descriptor, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t count = ::write(descriptor, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_fault(path, "Writing", errno);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

// A file that is not there yet: unlinked unless it was renamed.
class TemporaryFile {
 public:
  TemporaryFile(fs::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    ::close(descriptor_);
    if (!renamed_) ::unlink(path_.c_str());
  }
  int descriptor() const { return descriptor_; }
  const fs::path& path() const { return path_; }

  Result<void> rename_to(const fs::path& target, Existing existing) {
    const unsigned flags = existing == Existing::Refuse ? RENAME_NOREPLACE : 0U;
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target.c_str(), flags) != 0) {
      if (errno == EEXIST)
        return file_fault(target, "exists",
                          target.string() + " is there already and is not overwritten. Name another file.");
      return system_fault(target, "Replacing", errno);
    }
    renamed_ = true;
    return {};
  }

 private:
  fs::path path_;
  int descriptor_;
  bool renamed_ = false;
};

// Writes `content` beside `target`, durable. `like`: whose mode and group it takes.
Result<std::unique_ptr<TemporaryFile>> write_beside(const fs::path& target, std::string_view content,
                                                    const struct stat* like) {
  std::string name = (target.parent_path() / ("." + target.filename().string() + ".signet-XXXXXX")).string();
  const int descriptor = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor < 0) return system_fault(target, "Writing a new file beside", errno);
  auto file = std::make_unique<TemporaryFile>(name, descriptor);
  mode_t mode = 0666;
  if (like != nullptr) {
    mode = like->st_mode & 07777U;
    // Only the superuser may give files away; the group is kept where we are in it.
    if (::fchown(descriptor, static_cast<uid_t>(-1), like->st_gid) != 0) mode &= 0777U;
    if (::geteuid() == 0 && ::fchown(descriptor, like->st_uid, static_cast<gid_t>(-1)) != 0)
      return system_fault(target, "Keeping the owner of", errno);
  } else {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    mode &= ~mask;
  }
  if (::fchmod(descriptor, mode) != 0) return system_fault(target, "Keeping the mode of", errno);
  if (auto written = write_all(descriptor, content, target); !written) return written.error();
  if (::fsync(descriptor) != 0) return system_fault(target, "Writing", errno);
  return file;
}

// The folder of a file, locked against other commands of ours for as long as the descriptor lives.
Result<std::unique_ptr<Descriptor>> lock_folder(const fs::path& folder) {
  auto descriptor = std::make_unique<Descriptor>(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor->get() < 0) return system_fault(folder, "Opening the folder", errno);
  while (::flock(descriptor->get(), LOCK_EX) != 0)
    if (errno != EINTR) return system_fault(folder, "Locking the folder", errno);
  return descriptor;
}

Result<void> make_durable(const Descriptor& folder, const fs::path& path) {
  // A file system that cannot sync folders says EINVAL; there is nothing more to be done on it.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) return system_fault(path, "Making durable", errno);
  return {};
}

Result<void> expect_content(const fs::path& path, std::string_view before) {
  auto now = read_whole_file(path, before.size());
  if ((now && *now == before)) return {};
  if (!now && now.error().parameters.at("why") != "too-large") return now.error();
  return file_fault(
      path, "changed",
      path.string() + " was changed by somebody else meanwhile and is left as it is now. Run this again.");
}

fs::path folder_of(const fs::path& path) {
  return path.parent_path().empty() ? fs::path(".") : path.parent_path();
}

}  // namespace

Error file_fault(const fs::path& path, std::string_view why, std::string message) {
  boost::json::object parameters;
  parameters["path"] = path.string();
  parameters["why"] = why;
  return {ErrorName::FileFault, std::move(message), std::move(parameters)};
}

Result<std::string> read_whole_file(const fs::path& path, std::size_t max_size) {
  if (path == "-") return read_descriptor(STDIN_FILENO, "standard input", max_size);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_fault(path, "Reading", errno);
  return read_descriptor(file.get(), path, max_size);
}

Result<void> replace_file(const fs::path& path, std::string_view before, std::string_view content) {
  std::error_code fault;
  const fs::path target = fs::canonical(path, fault);
  if (fault) return system_fault(path, "Finding", fault.value());
  struct stat old {};
  if (::stat(target.c_str(), &old) != 0) return system_fault(target, "Looking at", errno);
  auto folder = lock_folder(folder_of(target));
  if (!folder) return folder.error();
  auto temporary = write_beside(target, content, &old);
  if (!temporary) return temporary.error();
  if (auto same = expect_content(target, before); !same) return same.error();
  if (auto renamed = (*temporary)->rename_to(target, Existing::Replace); !renamed) return renamed.error();
  return make_durable(**folder, target);
}

Result<void> write_file(const fs::path& path, std::string_view content, Existing existing) {
  if (path == "-") return print_out(content);
  auto folder = lock_folder(folder_of(path));
  if (!folder) return folder.error();
  auto temporary = write_beside(path, content, nullptr);
  if (!temporary) return temporary.error();
  if (auto renamed = (*temporary)->rename_to(path, existing); !renamed) return renamed.error();
  return make_durable(**folder, path);
}

Result<void> print_out(std::string_view text) {
  return write_all(STDOUT_FILENO, text, "standard output");
}

}  // namespace signet::client
