#include <catch2/catch.hpp>

#include "agent/policy/time_span.h"
#include "agent/policy/week_hours.h"
#include "policy_fixture.h"

using namespace std::chrono_literals;
using signet::parse_span;
using signet::span_text;
using signet::WeekHours;
using signet::test::at;

namespace {

// 2026-11-22, where at() counts from, is a Sunday.
constexpr int kMonday = 24, kFriday = 5 * 24, kSaturday = 6 * 24;

bool open(const std::string& hours, std::chrono::sys_seconds time) {
  const auto parsed = WeekHours::parse(hours);
  CAPTURE(hours);
  REQUIRE(parsed);
  CHECK(parsed->text() == hours);
  return parsed->contains(time);
}

}  // namespace

TEST_CASE("hours of the week, at their edges") {
  const std::string office = "mon-fri 08:00-18:00 UTC";
  CHECK_FALSE(open(office, at(kMonday + 7, 59) + 59s));
  CHECK(open(office, at(kMonday + 8)));
  CHECK(open(office, at(kFriday + 17, 59) + 59s));
  CHECK_FALSE(open(office, at(kFriday + 18)));
  CHECK_FALSE(open(office, at(kSaturday + 9)));
  CHECK_FALSE(open(office, at(9)));  // Sunday
  CHECK(open(office, at(kMonday + 7 * 24 + 8)));
}

TEST_CASE("hours over midnight belong to the day on which they begin") {
  const std::string night = "fri 22:00-06:00 UTC";
  CHECK_FALSE(open(night, at(kFriday + 5)));
  CHECK_FALSE(open(night, at(kFriday + 21, 59)));
  CHECK(open(night, at(kFriday + 22)));
  CHECK(open(night, at(kSaturday + 5, 59)));
  CHECK_FALSE(open(night, at(kSaturday + 6)));
  CHECK_FALSE(open(night, at(kSaturday + 22)));
  const std::string sunday = "sun 23:00-01:00 UTC";  // over the end of the week
  CHECK(open(sunday, at(23)));
  CHECK(open(sunday, at(kMonday)));
  CHECK_FALSE(open(sunday, at(kMonday + 1)));
  CHECK_FALSE(open(sunday, at(0)));
}

TEST_CASE("days are named one by one, as a range or all") {
  CHECK(open("fri-mon 00:00-24:00 UTC", at(kMonday + 23, 59)));
  CHECK(open("fri-mon 00:00-24:00 UTC", at(kFriday)));
  CHECK_FALSE(open("fri-mon 00:00-24:00 UTC", at(kMonday + 24)));
  CHECK(open("sat,sun 10:00-11:00 UTC", at(10)));
  CHECK(open("mon,wed-fri 10:00-11:00 UTC", at(kFriday + 10)));
  CHECK_FALSE(open("mon,wed-fri 10:00-11:00 UTC", at(kMonday + 24 + 10)));
  CHECK(open("daily 00:00-24:00 UTC", at(0)));
  CHECK(open("daily 23:59-00:00 UTC", at(23, 59)));
  CHECK_FALSE(open("daily 23:59-00:00 UTC", at(0)));
}

TEST_CASE("what is no hours of the week is refused") {
  const std::string text = GENERATE(
      as<std::string>(), "", "mon", "mon-fri", "mon-fri 08:00-18:00", "mon-fri 08:00-18:00 CET",
      "mon-fri 08:00-18:00 utc", "mon-fri 8:00-18:00 UTC", "mon-fri 08:00-24:01 UTC",
      "mon-fri 24:00-08:00 UTC", "mon-fri 08:60-18:00 UTC", "mon-fri 08:00-08:00 UTC",
      "Mon-Fri 08:00-18:00 UTC", "mon- 08:00-18:00 UTC", "mon, 08:00-18:00 UTC", ",mon 08:00-18:00 UTC",
      "mon-tue-wed 08:00-18:00 UTC", "mon  08:00-18:00 UTC", "mon 08:00-18:00 UTC ", "mon 08:00 UTC",
      "mon 08.00-18.00 UTC", "mon -8:00-18:00 UTC", "moon 08:00-18:00 UTC", "mon 08:00-18:00-19:00 UTC");
  CAPTURE(text);
  CHECK_FALSE(WeekHours::parse(text));
}

TEST_CASE("spans of time") {
  CHECK(parse_span("0s") == 0s);
  CHECK(parse_span("45s") == 45s);
  CHECK(parse_span("90m") == 90min);
  CHECK(parse_span("12h") == 12h);
  CHECK(parse_span("30d") == std::chrono::days(30));
  CHECK(parse_span("2w") == std::chrono::days(14));
  CHECK(parse_span("36500d") == signet::kLongestSpan);
  for (const char* text : {"", "d", "30", "30 d", "-1d", "+1d", "1.5d", "30D", "30days", "1h30m", "36501d",
                           "9223372036854775807w", "99999999999999999999s", "0x1d", "1y"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_span(text));
  }
  CHECK(span_text(0s) == "0s");
  CHECK(span_text(90s) == "90s");
  CHECK(span_text(std::chrono::days(30)) == "30d");
  CHECK(signet::rounded_span_text(std::chrono::days(29) + 23h + 59s) == "29d");
  CHECK(signet::rounded_span_text(-5s) == "0s");
}
