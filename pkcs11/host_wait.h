// How the two ends of a host's socket wait for each other.
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace signet::host {

// To be woken takes a processor that idles 30 to 50 µs on a virtual machine, twice at each end for a
// signature that a software token makes in 60: with one client that was half of its latency (measured, see
// docs/performance.md). So while what is waited for keeps coming soon, the end that waits looks for it for a
// moment before it sleeps. Not thread safe.
class BriefWait {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kLook{100};

  // Whether the next wait is worth looking: the last two were short, and there is another processor for
  // whoever is waited for.
  bool pays() const { return short_waits_ >= kEnough; }
  void ended(Clock::duration lasted) {
    const bool was_short = lasted < 2 * kLook && several_processors();
    short_waits_ = was_short ? std::min(short_waits_ + 1, kEnough) : 0;
  }

  // Asks `there` until it says true, for kLook at most: what it said last. Everybody else who wants this
  // processor goes first.
  template <typename There>
  static bool look(There there) {
    const auto until = Clock::now() + kLook;
    while (!there()) {
      if (Clock::now() >= until) return false;
      ::sched_yield();
    }
    return true;
  }

 private:
  static bool several_processors() {
    static const bool several = std::thread::hardware_concurrency() > 1;
    return several;
  }
  static constexpr int kEnough = 2;
  int short_waits_ = 0;
};

}  // namespace signet::host
