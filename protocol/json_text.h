// What the characters of a JSON text may be: UTF-8, and which characters no string may hold. Pure, thread
// safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace signet {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t size = 0;  // bytes; 0: not UTF-8 (RFC 3629: overlong, a surrogate, above U+10FFFF, cut off)
};
// The first code point of `text`, which is not empty.
CodePoint next_code_point(std::string_view text);

// Each byte that is not UTF-8 becomes "?": of what others named (a token's label, a reader), and must be
// JSON.
void replace_what_is_not_utf8(std::span<char> text);

// Unicode's general category Cc: C0, DEL and C1. Canonical JSON leaves them raw, and terminals obey them.
constexpr bool is_control(std::uint32_t code_point) {
  return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

constexpr char kLineFeed = '\n';

enum class TextFault { InvalidUtf8, ControlCharacter, LoneSurrogate, WhiteSpace };
struct TextProblem {
  TextFault fault;
  std::size_t offset;  // of the first offending byte
};

// Whether a line feed may stand in a string (see canonical_json.h). In a text whose strings may hold raw
// ones, line feeds elsewhere are a fault (WhiteSpace).
enum class LineFeeds { Refused, Allowed };

// The first fault in the value of a string.
std::optional<TextProblem> find_string_fault(std::string_view value,
                                             LineFeeds line_feeds = LineFeeds::Refused);

// The first fault inside any string of a JSON text, escapes understood; escaped line feeds pass, raw ones as
// told. Everything else is left to the parser: a text without a fault here need not be JSON.
std::optional<TextProblem> find_json_text_fault(std::string_view text, LineFeeds raw_line_feeds);

}  // namespace signet
