#include "client/command/pin_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "client/command/pin_prompt.h"
#include "client/file_io.h"

namespace signet::client {
namespace {

// Byte by byte: what follows the line belongs to somebody else.
Result<Secret> read_line(int descriptor, const std::string& name) {
  std::array<char, kMaxPinSize + 1> line{};
  std::size_t size = 0;
  int fault = 0;
  while (size < line.size()) {
    const ssize_t count = ::read(descriptor, &line[size], 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fault = errno;
    if (count <= 0 || line[size] == '\n') break;
    ++size;
  }
  const bool too_long = size == line.size();
  if (!too_long && size > 0 && line[size - 1] == '\r') --size;
  Secret pin(std::string_view(line.data(), size));
  wipe_memory(line.data(), line.size());
  if (fault != 0)
    return file_fault(
        name, "failed",
        "Reading the PIN from " + name + " failed: " + std::generic_category().message(fault) + ".");
  if (too_long)
    return file_fault(
        name, "too-large",
        "The first line of " + name + " is longer than any PIN (" + std::to_string(kMaxPinSize) + " bytes).");
  if (pin.empty())
    return file_fault(name, "failed", "The first line of " + name + " is empty: there is no PIN on it.");
  return pin;
}

Result<Secret> read_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return file_fault(
        path, "not-found",
        "Reading the PIN from " + path + " failed: " + std::generic_category().message(errno) + ".");
  struct stat status {};
  const bool open_to_others = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
                              (status.st_mode & (S_IRWXG | S_IRWXO)) != 0;
  Result<Secret> pin = open_to_others
                           ? Result<Secret>(file_fault(path, "permission",
                                                       "Others may read the PIN file " + path +
                                                           ", so it is not used. Run: chmod 600 " + path))
                           : read_line(descriptor, path);
  ::close(descriptor);
  return pin;
}

}  // namespace

void add_pin_options(Verb& verb, const std::string& name, PinOptions& options, const std::string& what) {
  verb.option("--" + name + "-file", "FILE", &options.file,
              "Read " + what + " from the first line of FILE, which only you may read.");
  verb.option("--" + name + "-fd", "N", &options.fd,
              "Read " + what + " from a line of the open descriptor N.");
  verb.exclusive({"--" + name + "-file", "--" + name + "-fd"});
}

Result<std::optional<Secret>> read_pin(const PinOptions& options) {
  if (!options.file && !options.fd) return std::optional<Secret>();
  Result<Secret> pin =
      options.file ? read_file(*options.file)
                   : read_line(static_cast<int>(*options.fd), "descriptor " + std::to_string(*options.fd));
  if (!pin) return pin.error();
  return std::optional<Secret>(std::move(*pin));
}

}  // namespace signet::client
