// Reads the configuration from TOML. docs/signet.toml.sample documents every key.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "protocol/result.h"

namespace signet {

// Every error is a FileFault whose message begins with "FILE:LINE: key: " and ends with what to write
// instead. Refused: keys that are not known, wrong types, values out of range, files above 256 KiB, nesting
// beyond 8 levels (toml11 3.7.1 crashes on deep nesting, so that is looked at before it parses).
Result<Config> parse_config(std::string_view text, const std::string& file_name);

// Reads the file and, in system mode, checks that it and every module belong to root and that nobody else can
// replace them (agent/config/owned_path.h).
Result<Config> load_config(const std::filesystem::path& file);

// $XDG_CONFIG_HOME/signet/signet.toml, else ~/.config/signet/signet.toml. It need not exist.
std::filesystem::path personal_config_file();

// Every key that parse_config knows, as "limits.frame-size"; of arrays of tables as "module.pin.file".
std::vector<std::string> known_config_keys();

}  // namespace signet
