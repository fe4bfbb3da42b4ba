#include "client/command/console.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace signet::client {
namespace {

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// The length of the UTF-8 sequence at the start of `text`, 0 if there is no valid one (RFC 3629, table 3-7 of
// Unicode).
std::size_t sequence_length(std::string_view text) {
  const auto at = [&](std::size_t index) {
    return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
  };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const unsigned low = lead == 0xE0 ? 0xA0U : lead == 0xF0 ? 0x90U : 0x80U;
  const unsigned high = lead == 0xED ? 0x9FU : lead == 0xF4 ? 0x8FU : 0xBFU;
  if (at(1) < low || at(1) > high) return 0;
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  for (std::size_t index = 2; index < length; ++index)
    if ((at(index) & 0xC0U) != 0x80U) return 0;
  return length;
}

// C0, DEL, C1 and the characters that turn the direction of what follows: a terminal would act on them.
bool acts_on_terminals(std::string_view sequence) {
  if (sequence.size() == 1) return static_cast<unsigned char>(sequence[0]) < 0x20 || sequence[0] == 0x7F;
  if (sequence.size() == 2) return sequence[0] == '\xC2' && static_cast<unsigned char>(sequence[1]) < 0xA0;
  static constexpr std::array<std::string_view, 11> kBidi = {"\u200e", "\u200f", "\u202a", "\u202b",
                                                             "\u202c", "\u202d", "\u202e", "\u2066",
                                                             "\u2067", "\u2068", "\u2069"};
  return std::find(kBidi.begin(), kBidi.end(), sequence) != kBidi.end();
}

void append_escaped(std::string& out, std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
}

std::string amount(std::int64_t seconds) {
  struct Unit {
    std::int64_t seconds;
    std::string_view one, many;
  };
  static constexpr std::array<Unit, 4> kUnits{
      {{86400, "day", "days"}, {3600, "hour", "hours"}, {60, "minute", "minutes"}, {1, "second", "seconds"}}};
  for (const auto& unit : kUnits)
    if (seconds >= unit.seconds || unit.seconds == 1)
      return count_of(static_cast<std::size_t>(seconds / unit.seconds), unit.one, unit.many);
  return {};
}

}  // namespace

bool color_wanted(int descriptor, bool no_color) {
  if (no_color || ::isatty(descriptor) == 0) return false;
  const char* variable = std::getenv("NO_COLOR");
  if (variable != nullptr && *variable != '\0') return false;
  const char* terminal = std::getenv("TERM");
  return terminal != nullptr && std::string_view(terminal) != "dumb";
}

std::string Paint::operator()(Color color, std::string_view text) const {
  if (!enabled_ || color == Color::None) return std::string(text);
  const std::string_view code = color == Color::Good     ? "32"
                                : color == Color::Bad    ? "31"
                                : color == Color::Notice ? "33"
                                                         : "2";
  return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0 || acts_on_terminals(sequence))
      append_escaped(out, sequence);
    else
      out += sequence;
    text.remove_prefix(sequence.size());
  }
  return out;
}

std::string in_quotes(std::string_view text) {
  return "\"" + printable(text) + "\"";
}

std::string table(const std::vector<std::string>& heads, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> lines{heads};
  for (const auto& row : rows) {
    auto& line = lines.emplace_back();
    for (const auto& cell : row) line.push_back(printable(cell));
  }
  std::vector<std::size_t> widths(heads.size(), 0);
  for (const auto& line : lines)
    for (std::size_t column = 0; column < widths.size(); ++column)
      widths[column] = std::max(widths[column], columns(line.at(column)));
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (std::size_t column = 0; column < widths.size(); ++column)
      row += line[column] + std::string(widths[column] - columns(line[column]) + 2, ' ');
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

std::string time_text(std::chrono::sys_seconds time) {
  const std::time_t seconds = time.time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

std::string relative_time(std::chrono::sys_seconds time, std::chrono::sys_seconds now) {
  const std::int64_t seconds = (time - now).count();
  return seconds >= 0 ? "in " + amount(seconds) : amount(-seconds) + " ago";
}

std::string count_of(std::size_t number, std::string_view one, std::string_view many) {
  return std::to_string(number) + " " + std::string(number == 1 ? one : many);
}

std::string join_words(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t index = 0; index < words.size(); ++index) {
    if (index > 0) text += index + 1 == words.size() ? " and " : ", ";
    text += words[index];
  }
  return text;
}

}  // namespace signet::client
