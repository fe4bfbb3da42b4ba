#include "agent/tokens/service_time.h"

#include <algorithm>

namespace signet {

void ServiceTime::add(Clock::duration lasted) {
  const auto took =
      std::max(std::chrono::duration_cast<std::chrono::microseconds>(lasted), std::chrono::microseconds(1));
  const bool first = average_.count() == 0;
  average_ = first ? took : average_ + (took - average_) / 8;
  least_ = first ? took : std::min(took, least_ + least_ / 64 + std::chrono::microseconds(1));
}

void ServiceTime::add_processor(std::chrono::microseconds took) {
  processor_ = processor_.count() == 0 ? took : processor_ + (took - processor_) / 8;
}

std::chrono::milliseconds retry_after(std::size_t waiting, std::size_t sessions,
                                      std::chrono::microseconds each) {
  if (each.count() == 0) return kUnknownRetry;
  const auto rounds = waiting / std::max<std::size_t>(sessions, 1) + 1;
  const auto all = std::chrono::ceil<std::chrono::milliseconds>(each * static_cast<std::int64_t>(rounds));
  return std::clamp(all, kLeastRetry, kMostRetry);
}

}  // namespace signet
