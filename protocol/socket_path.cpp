#include "protocol/socket_path.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <system_error>

namespace signet {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool there_is(const fs::path& path) {
  std::error_code ignored;  // what we may not look at is not there for us
  return fs::exists(path, ignored);
}

}  // namespace

Result<fs::path> personal_socket_path() {
  if (const std::string given = environment("SIGNET_SOCKET"); !given.empty()) return fs::path(given);
  if (const std::string runtime = environment("XDG_RUNTIME_DIR"); !runtime.empty())
    return fs::path(runtime) / "signet/agent.sock";
  const fs::path runtime = "/run/user/" + std::to_string(::getuid());
  if (there_is(runtime)) return runtime / "signet/agent.sock";
  return Error(ErrorName::ConnectionFailed,
               "There is no place for the agent's socket: XDG_RUNTIME_DIR is not set and " +
                   runtime.string() +
                   " does not exist. Set XDG_RUNTIME_DIR to a directory of your own (mode 0700), or "
                   "SIGNET_SOCKET to the socket's path.");
}

Result<fs::path> client_socket_path() {
  if (!environment("SIGNET_SOCKET").empty()) return personal_socket_path();
  Result<fs::path> personal = personal_socket_path();
  if (personal && there_is(*personal)) return personal;
  if (there_is(kSystemSocket)) return fs::path(kSystemSocket);
  return personal;
}

}  // namespace signet
