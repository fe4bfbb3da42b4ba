// What is checked of a TOML text before toml11 sees it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "agent/config/mistake.h"

namespace signet {

inline constexpr std::size_t kMaxTomlSize = 256 * 1024;
inline constexpr int kMaxTomlNesting = 8;

// toml11 3.7.1 recurses without a limit and crashes on some thousand levels, and reads beyond its memory
// where a literal string is not UTF-8 (found by fuzzing: it goes on with an iterator of another buffer). A
// mistake for a text that is too large, is not UTF-8 (which TOML 1.0 wants of all of it), or nests arrays,
// inline tables or dotted keys too deep; it refers to the file `sample`.
std::optional<ConfigMistake> check_toml_text(std::string_view text, const std::string& sample);

}  // namespace signet
