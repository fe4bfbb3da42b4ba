#include "agent/tokens/service_time.h"

#include <algorithm>

namespace signet {

namespace {

std::chrono::microseconds moved(std::chrono::microseconds average, std::chrono::microseconds took) {
  return average.count() == 0 ? took : average + (took - average) / 8;
}

std::chrono::microseconds whole(ServiceTime::Clock::duration lasted) {
  return std::max(std::chrono::duration_cast<std::chrono::microseconds>(lasted),
                  std::chrono::microseconds(1));
}

}  // namespace

void ServiceTime::add(Clock::duration lasted) {
  average_ = moved(average_, whole(lasted));
}

void ServiceTime::add_signature(Clock::duration lasted, std::chrono::microseconds processor) {
  // Replies that are read one right after the other seem to have taken no time.
  const auto took = std::max(whole(lasted), processor);
  add(took);
  least_ = least_.count() == 0 ? took : std::min(took, least_ + least_ / 64 + std::chrono::microseconds(1));
  processor_ = moved(processor_, processor);
}

std::chrono::milliseconds retry_after(std::size_t waiting, std::size_t sessions,
                                      std::chrono::microseconds each) {
  if (each.count() == 0) return kUnknownRetry;
  const auto rounds = waiting / std::max<std::size_t>(sessions, 1) + 1;
  const auto all = std::chrono::ceil<std::chrono::milliseconds>(each * static_cast<std::int64_t>(rounds));
  return std::clamp(all, kLeastRetry, kMostRetry);
}

}  // namespace signet
