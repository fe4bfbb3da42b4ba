#include "protocol/metadata_time.h"

#include <algorithm>

namespace signet {
namespace {

constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
constexpr std::size_t kMaxFraction = 9;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool has_shape(std::string_view text) {
  return text.size() == kShape.size() &&
         std::equal(text.begin(), text.end(), kShape.begin(),
                    [](char c, char shape) { return shape == 'd' ? is_digit(c) : c == shape; });
}

unsigned number(std::string_view digits) {
  unsigned value = 0;
  for (const char c : digits) value = value * 10 + static_cast<unsigned>(c - '0');
  return value;
}

bool is_fraction(std::string_view text) {
  return text.size() >= 2 && text.size() <= kMaxFraction + 1 && text.front() == '.' && text.back() != '0' &&
         std::all_of(text.begin() + 1, text.end(), is_digit);
}

}  // namespace

std::optional<std::chrono::sys_seconds> parse_expiry(std::string_view text, MetadataFormat format) {
  if (!text.ends_with('Z')) return std::nullopt;
  text.remove_suffix(1);
  const std::string_view fraction = text.substr(std::min(text.size(), kShape.size()));
  text = text.substr(0, kShape.size());
  if (!has_shape(text)) return std::nullopt;
  if (!fraction.empty() && (format != MetadataFormat::Notary || !is_fraction(fraction))) return std::nullopt;

  const unsigned year = number(text.substr(0, 4));
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(year)),
                                        std::chrono::month(number(text.substr(5, 2))),
                                        std::chrono::day(number(text.substr(8, 2)))};
  const unsigned hour = number(text.substr(11, 2));
  const unsigned minute = number(text.substr(14, 2));
  const unsigned second = number(text.substr(17, 2));
  if (year == 0 || !day.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return std::chrono::sys_days(day) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

}  // namespace signet
