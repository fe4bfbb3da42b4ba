#include "agent/config/directories.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

namespace signet {
namespace {

namespace fs = std::filesystem;

fs::path base_directory(const char* variable, const char* below_home) {
  const fs::path given = environment_variable(variable);
  return given.is_absolute() ? given : home_directory() / below_home;
}

}  // namespace

std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

fs::path home_directory() {
  if (fs::path home = environment_variable("HOME"); home.is_absolute()) return home;
  const passwd* entry = ::getpwuid(::getuid());
  return entry == nullptr ? "/" : entry->pw_dir;
}

fs::path config_home() {
  return base_directory("XDG_CONFIG_HOME", ".config");
}
fs::path state_home() {
  return base_directory("XDG_STATE_HOME", ".local/state");
}

}  // namespace signet
