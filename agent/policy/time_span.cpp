#include "agent/policy/time_span.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace signet {
namespace {

struct Unit {
  char name;
  std::int64_t seconds;
};
constexpr std::array<Unit, 5> kUnits{{{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};

}  // namespace

std::optional<std::chrono::seconds> parse_span(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0 || number > kLongestSpan.count()) return std::nullopt;
  if (end + 1 != text.data() + text.size()) return std::nullopt;
  for (const Unit& unit : kUnits)
    if (unit.name == *end && number <= kLongestSpan.count() / unit.seconds)
      return std::chrono::seconds(number * unit.seconds);
  return std::nullopt;
}

std::string span_text(std::chrono::seconds span) {
  for (const Unit& unit : kUnits)
    if (unit.name != 'w' && span.count() != 0 && span.count() % unit.seconds == 0)
      return std::to_string(span.count() / unit.seconds) + unit.name;
  return "0s";
}

std::string rounded_span_text(std::chrono::seconds span) {
  for (const Unit& unit : kUnits)
    if (unit.name != 'w' && span.count() >= unit.seconds)
      return std::to_string(span.count() / unit.seconds) + unit.name;
  return "0s";
}

}  // namespace signet
