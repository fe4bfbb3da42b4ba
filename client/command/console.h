// How things look to people: tables, colours, times. Pure but for what asks the environment.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace signet::client {

enum class Color { None, Good, Bad, Notice, Faint };

// Colour is used only where all of these say so: a terminal at `descriptor`, no NO_COLOR, TERM other than
// "dumb".
bool color_wanted(int descriptor, bool no_color);

// Writes text in a colour, or as it is.
class Paint {
 public:
  explicit Paint(bool enabled) : enabled_(enabled) {}
  std::string operator()(Color color, std::string_view text) const;

 private:
  bool enabled_;
};

// Text that came from elsewhere (a token's label, a file's member), safe for a terminal: control characters,
// and bytes that are no UTF-8, appear as \xNN.
std::string printable(std::string_view text);

// The same in double quotes.
std::string in_quotes(std::string_view text);

// Columns as wide as their widest cell, two blanks between; no blanks at line ends. Cells are made
// printable().
std::string table(const std::vector<std::string>& heads, const std::vector<std::vector<std::string>>& rows);

// RFC 3339 in UTC, as the agent writes and reads times.
std::string time_text(std::chrono::sys_seconds time);

// "in 3 days", "in 5 hours", "2 days ago".
std::string relative_time(std::chrono::sys_seconds time, std::chrono::sys_seconds now);

// "1 key", "2 keys".
std::string count_of(std::size_t number, std::string_view one, std::string_view many);

// "a, b and c".
std::string join_words(const std::vector<std::string>& words);

}  // namespace signet::client
