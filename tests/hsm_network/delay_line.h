// One direction of the link: packets wait out the delay, some are lost. A value without I/O; not thread safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

namespace signet::test {

// What the link does to packets, both ways alike.
struct LinkWeather {
  std::chrono::microseconds delay{0};  // one way
  double loss = 0;                     // the share of packets that is lost, 0 to 1
  bool cut = false;                    // nothing passes: what comes in is lost, what is under way, too
};

using Packet = std::vector<std::uint8_t>;

class DelayLine {
 public:
  using Clock = std::chrono::steady_clock;
  // What a real link's buffer would drop, too.
  static constexpr std::size_t kMostPackets = 8192;

  explicit DelayLine(std::uint32_t seed) : random_(seed) {}

  void take(Packet packet, const LinkWeather& weather, Clock::time_point now);
  // The next packet that is due; empty if there is none yet.
  std::optional<Packet> due(Clock::time_point now);
  std::optional<Clock::time_point> next() const;
  void cut();

  std::uint64_t passed() const { return passed_; }
  std::uint64_t lost() const { return lost_; }

 private:
  struct Waiting {
    Clock::time_point due;
    Packet packet;
  };
  std::deque<Waiting> waiting_;  // in the order of arrival: the link does not reorder
  std::mt19937 random_;
  std::uint64_t passed_ = 0, lost_ = 0;
};

}  // namespace signet::test
