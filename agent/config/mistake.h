// One mistake in a TOML file. Values only.
#pragma once

#include <cstddef>
#include <string>

namespace signet {

struct ConfigMistake {
  std::size_t line = 0;  // from 1
  std::string key;       // "rule.expires-at-most"; empty for a line that is not TOML
  std::string why;       // what is wrong and what to write instead, as sentences
};

// "FILE:LINE: key: why"
std::string to_string(const ConfigMistake& mistake, const std::string& file);

}  // namespace signet
