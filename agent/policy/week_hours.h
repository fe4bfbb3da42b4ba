// Hours of the week, as a rule writes them: "mon-fri 08:00-18:00 UTC".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signet {

// The days ("mon-fri", "sat,sun", "fri-mon", "daily") and one span of hours, in UTC: the end is not in it. A
// span whose end is not after its beginning goes over midnight and belongs to the day on which it begins. The
// whole day is "00:00-24:00". A value; thread safe.
class WeekHours {
 public:
  // Nothing for any other text; the zone must be written, and UTC is the only one.
  static std::optional<WeekHours> parse(std::string_view text);

  bool contains(std::chrono::sys_seconds time) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  unsigned days_ = 0;  // bit 0 is Monday
  int begin_ = 0;      // minutes from midnight
  int length_ = 0;     // minutes, 1 to 1440
};

}  // namespace signet
