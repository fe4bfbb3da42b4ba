// How long a token takes, learned from what it did last.
#pragma once

#include <chrono>
#include <cstddef>

namespace signet {

// A moving average: each new one counts an eighth. Not thread safe.
class ServiceTime {
 public:
  using Clock = std::chrono::steady_clock;

  void add(Clock::duration lasted);
  // A signature, which took so much of a processor's time. Other calls say nothing of what one takes: what a
  // host has cached it answers at once.
  void add_signature(Clock::duration lasted, std::chrono::microseconds processor);
  // Zero while nothing is known.
  std::chrono::microseconds average() const { return average_; }
  // The least that a signature took of late: what it takes where nobody else wants the processor. Forgets a
  // 64th with each. Zero while nothing is known.
  std::chrono::microseconds least() const { return least_; }
  // Of a signature: a moving average, too.
  std::chrono::microseconds processor() const { return processor_; }

 private:
  std::chrono::microseconds average_{0}, least_{0}, processor_{0};
};

inline constexpr std::chrono::milliseconds kLeastRetry{10}, kMostRetry{60000};
// What is guessed while nothing is known.
inline constexpr std::chrono::milliseconds kUnknownRetry{1000};

// When a queue of `waiting` calls will have been served by that many sessions; between the two limits. Pure.
std::chrono::milliseconds retry_after(std::size_t waiting, std::size_t sessions,
                                      std::chrono::microseconds each);

}  // namespace signet
