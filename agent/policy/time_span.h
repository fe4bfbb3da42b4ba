// Spans of time as a policy writes them: "45s", "30m", "12h", "30d", "2w".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace signet {

inline constexpr std::chrono::seconds kLongestSpan{std::chrono::days(36500)};

// A whole number and one unit; nothing for another text or more than kLongestSpan.
std::optional<std::chrono::seconds> parse_span(std::string_view text);
// The same, in the largest unit that gives a whole number; with `rounded` in the largest unit that fits, for
// people: "29d" for 29 days and some hours.
std::string span_text(std::chrono::seconds span);
std::string rounded_span_text(std::chrono::seconds span);

}  // namespace signet
