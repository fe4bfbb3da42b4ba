// How help is laid out: 80 columns, no terminal asked. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace signet::client {

// Breaks `text` at blanks so that no line passes column 80; every line but the first is indented by `indent`.
// Ends with a newline.
std::string wrap_text(std::string_view text, std::size_t indent);

// Every paragraph wrapped; lines that begin with a blank (examples) stay as they are. Ends with a newline.
std::string wrap_paragraphs(std::string_view text);

// "  NAME      what it is, wrapped\n".
std::string help_entry(std::string_view name, std::string_view description);

// What "signet --help" says below its options: where the agent is, PINs, exit codes, examples.
std::string global_help_text();

}  // namespace signet::client
