#include "protocol/json_text.h"

#include <algorithm>

namespace signet {
namespace {

constexpr CodePoint kNotUtf8{0, 0};

constexpr std::uint32_t byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// The four hexadecimal digits of "\uXXXX" where `at` is the first digit; nothing if they are not there.
std::optional<std::uint32_t> escaped_unit(std::string_view text, std::size_t at) {
  if (text.size() - at < 4) return std::nullopt;
  std::uint32_t unit = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const char c = text[i];
    std::uint32_t digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<std::uint32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<std::uint32_t>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<std::uint32_t>(c - 'A' + 10);
    else
      return std::nullopt;
    unit = unit << 4 | digit;
  }
  return unit;
}

constexpr bool is_leading(std::uint32_t unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}
constexpr bool is_trailing(std::uint32_t unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

struct Step {
  std::size_t size;  // bytes to go on
  std::optional<TextFault> fault;
};

Step step_over_unicode_escape(std::string_view text, std::size_t at) {
  const auto unit = escaped_unit(text, at + 2);
  if (!unit) return {2, std::nullopt};  // the parser refuses it
  if (is_control(*unit) && *unit != kLineFeed) return {0, TextFault::ControlCharacter};
  if (is_trailing(*unit)) return {0, TextFault::LoneSurrogate};
  if (!is_leading(*unit)) return {6, std::nullopt};
  const std::string_view rest = text.substr(at + 6);
  if (!rest.starts_with("\\u")) return {0, TextFault::LoneSurrogate};
  const auto second = escaped_unit(rest, 2);
  if (!second || !is_trailing(*second)) return {0, TextFault::LoneSurrogate};
  return {12, std::nullopt};
}

// `at` is a backslash.
Step step_over_escape(std::string_view text, std::size_t at) {
  if (at + 1 >= text.size()) return {1, std::nullopt};
  switch (text[at + 1]) {
    case 'b':
    case 'f':
    case 'r':
    case 't':
      return {0, TextFault::ControlCharacter};
    case 'u':
      return step_over_unicode_escape(text, at);
    default:
      if (is_control(byte_at(text, at + 1))) return {0, TextFault::ControlCharacter};
      return {2, std::nullopt};
  }
}

// `at` is a byte outside printable ASCII.
Step step_over_raw(std::string_view text, std::size_t at) {
  const CodePoint point = next_code_point(text.substr(at));
  if (point.size == 0) return {0, TextFault::InvalidUtf8};
  if (is_control(point.value)) return {0, TextFault::ControlCharacter};
  return {point.size, std::nullopt};
}

constexpr bool is_printable_ascii(char c) {
  return c >= 0x20 && c < 0x7f;
}

}  // namespace

CodePoint next_code_point(std::string_view text) {
  const std::uint32_t first = byte_at(text, 0);
  if (first < 0x80) return {first, 1};
  if (first < 0xc2 || first > 0xf4) return kNotUtf8;
  const std::size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < size) return kNotUtf8;
  std::uint32_t value = first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return kNotUtf8;
    value = value << 6 | (byte_at(text, i) & 0x3f);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  if (overlong || surrogate || value > 0x10ffff) return kNotUtf8;
  return {value, size};
}

std::optional<TextProblem> find_string_fault(std::string_view value, LineFeeds line_feeds) {
  std::size_t at = 0;
  while (at < value.size()) {
    const bool passes = value[at] == kLineFeed && line_feeds == LineFeeds::Allowed;
    if (passes || is_printable_ascii(value[at])) {
      ++at;
      continue;
    }
    const Step step = step_over_raw(value, at);
    if (step.fault) return TextProblem{*step.fault, at};
    at += step.size;
  }
  return std::nullopt;
}

std::optional<TextProblem> find_json_text_fault(std::string_view text, LineFeeds raw_line_feeds) {
  bool in_string = false;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      in_string = !in_string;
      ++at;
    } else if (c == kLineFeed && raw_line_feeds == LineFeeds::Allowed) {
      if (!in_string) return TextProblem{TextFault::WhiteSpace, at};
      ++at;
    } else if (!in_string || (c != '\\' && is_printable_ascii(c))) {
      ++at;
    } else {
      const Step step = c == '\\' ? step_over_escape(text, at) : step_over_raw(text, at);
      if (step.fault) return TextProblem{*step.fault, at};
      at += step.size;
    }
  }
  return std::nullopt;
}

void replace_what_is_not_utf8(std::span<char> text) {
  const auto is_ascii = [](char byte) { return (byte & 0x80) == 0; };
  if (std::ranges::all_of(text, is_ascii)) return;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = next_code_point(std::string_view(text.data() + at, text.size() - at));
    if (point.size == 0) text[at] = '?';
    at += std::max<std::size_t>(point.size, 1);
  }
}

}  // namespace signet
