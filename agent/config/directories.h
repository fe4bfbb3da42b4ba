// The directories of the XDG Base Directory Specification that the agent uses.
#pragma once

#include <filesystem>
#include <string>

namespace signet {

// $NAME, or "" if it is not set. Read at start only: the environment does not change later.
std::string environment_variable(const char* name);

// $HOME, else what the password database says; "/" if nobody knows.
std::filesystem::path home_directory();
// $XDG_CONFIG_HOME or ~/.config; relative values are ignored, as the specification wants.
std::filesystem::path config_home();
// $XDG_STATE_HOME or ~/.local/state.
std::filesystem::path state_home();

}  // namespace signet
