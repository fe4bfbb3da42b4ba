#include "client/identity_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "protocol/secret_json.h"

namespace signet::client {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }

 private:
  int value_;
};

Error fault(const fs::path& path, std::string_view why, const std::string& what) {
  boost::json::object parameters{{"path", path.string()}, {"why", why}};
  return {
      ErrorName::FileFault,
      "The identity token in " + path.string() + " (" + kIdentityFileVariable + ") cannot be sent: " + what,
      std::move(parameters)};
}

Error system_fault(const fs::path& path, int error) {
  const std::string_view why = error == ENOENT                     ? "not-found"
                               : error == EACCES || error == EPERM ? "permission"
                                                                   : "failed";
  return fault(
      path, why,
      std::generic_category().message(error) + ". Check the variable, or unset it to sign without one.");
}

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

// Who else could use the token, or put another one there; empty: nobody.
std::string exposure(int file, const fs::path& path) {
  struct stat status {};
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return {};
  if (status.st_uid != 0 && status.st_uid != ::geteuid())
    return "The identity token file " + path.string() + " belongs to uid " + std::to_string(status.st_uid) +
           ", who can put another token there.";
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return "Others can read or change the identity token file " + path.string() +
           ": whoever has the token can sign as this job. Run: chmod 600 " + path.string();
  return {};
}

Result<WipedBuffer> read_all(int file, const fs::path& path) {
  WipedBuffer content(kMaxIdentityFileSize + 1);
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t count = ::read(file, content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_fault(path, errno);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  content.resize(size);
  return content;
}

}  // namespace

std::optional<fs::path> identity_file_of_environment() {
  const char* path = std::getenv(kIdentityFileVariable);
  if (path == nullptr || *path == '\0') return std::nullopt;
  return fs::path(path);
}

Result<Secret> read_identity_file(const fs::path& path, const std::function<void(const std::string&)>& warn) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0) return system_fault(path, errno);
  const std::string exposed = exposure(file.get(), path);
  if (warn && !exposed.empty()) warn(exposed);
  const auto content = read_all(file.get(), path);
  if (!content) return content.error();
  if (content->size() > kMaxIdentityFileSize)
    return fault(path, "too-large",
                 "it is larger than " + std::to_string(kMaxIdentityFileSize) + " bytes, and no token is.");
  Secret token(without_line_end(as_text(*content)));
  if (token.empty()) return fault(path, "failed", "it is empty. Has the job asked its issuer for a token?");
  return token;
}

}  // namespace signet::client
