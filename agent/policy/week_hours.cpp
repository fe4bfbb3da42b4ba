#include "agent/policy/week_hours.h"

#include <array>
#include <cstddef>

namespace signet {
namespace {

constexpr int kDay = 24 * 60;
constexpr int kWeek = 7 * kDay;
constexpr unsigned kAllDays = 0x7f;
constexpr std::array<std::string_view, 7> kDayNames{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

// The text before the first `separator`, which is taken off `rest` with it; all of it if there is none.
std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view head = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return head;
}

std::optional<unsigned> parse_day(std::string_view name) {
  for (unsigned day = 0; day < kDayNames.size(); ++day)
    if (kDayNames[day] == name) return day;
  return std::nullopt;
}

// "mon-fri", "fri-mon", "sat": a bit for each day; 0 for another text.
unsigned parse_day_range(std::string_view text) {
  const bool range = text.find('-') != std::string_view::npos;
  const std::optional<unsigned> first = parse_day(take_until(text, '-'));
  const std::optional<unsigned> last = range ? parse_day(text) : first;
  if (!first || !last) return 0;
  unsigned days = 0;
  for (unsigned day = *first;; day = (day + 1) % 7) {
    days |= 1U << day;
    if (day == *last) return days;
  }
}

unsigned parse_days(std::string_view text) {
  if (text == "daily") return kAllDays;
  unsigned days = 0;
  // A comma at the end leaves an empty range behind it, which is none.
  for (bool more = true; more;) {
    more = text.find(',') != std::string_view::npos;
    const unsigned range = parse_day_range(take_until(text, ','));
    if (range == 0) return 0;
    days |= range;
  }
  return days;
}

// "08:00" in minutes, at most "24:00"; -1 for another text.
int parse_time(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return -1;
  const auto digit = [text](std::size_t at) {
    return text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : 1000;
  };
  const int hours = digit(0) * 10 + digit(1), minutes = digit(3) * 10 + digit(4);
  if (minutes > 59 || hours * 60 + minutes > kDay) return -1;
  return hours * 60 + minutes;
}

}  // namespace

std::optional<WeekHours> WeekHours::parse(std::string_view text) {
  WeekHours hours;
  hours.text_ = text;
  hours.days_ = parse_days(take_until(text, ' '));
  std::string_view span = take_until(text, ' ');
  if (hours.days_ == 0 || text != "UTC") return std::nullopt;
  hours.begin_ = parse_time(take_until(span, '-'));
  const int end = parse_time(span);
  if (hours.begin_ < 0 || hours.begin_ == kDay || end < 0 || end == hours.begin_) return std::nullopt;
  hours.length_ = end > hours.begin_ ? end - hours.begin_ : end + kDay - hours.begin_;
  return hours;
}

bool WeekHours::contains(std::chrono::sys_seconds time) const {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const auto weekday = std::chrono::weekday(day).iso_encoding() - 1;  // 0 is Monday
  const auto minute = std::chrono::floor<std::chrono::minutes>(time - day).count();
  const int now = static_cast<int>(weekday) * kDay + static_cast<int>(minute);
  for (int begins_on = 0; begins_on < 7; ++begins_on) {
    if ((days_ & (1U << begins_on)) == 0) continue;
    const int since = (now - begins_on * kDay - begin_ + kWeek) % kWeek;
    if (since < length_) return true;
  }
  return false;
}

}  // namespace signet
