#include "tests/hsm_network/delay_line.h"

#include <algorithm>
#include <utility>

namespace signet::test {

void DelayLine::take(Packet packet, const LinkWeather& weather, Clock::time_point now) {
  const bool unlucky = std::uniform_real_distribution<double>(0, 1)(random_) < weather.loss;
  if (weather.cut || unlucky || waiting_.size() >= kMostPackets) {
    ++lost_;
    return;
  }
  auto due = now + weather.delay;
  if (!waiting_.empty()) due = std::max(due, waiting_.back().due);  // the delay may just have been shortened
  waiting_.push_back({due, std::move(packet)});
}

std::optional<Packet> DelayLine::due(Clock::time_point now) {
  if (waiting_.empty() || waiting_.front().due > now) return std::nullopt;
  Packet packet = std::move(waiting_.front().packet);
  waiting_.pop_front();
  ++passed_;
  return packet;
}

std::optional<DelayLine::Clock::time_point> DelayLine::next() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.front().due;
}

void DelayLine::cut() {
  lost_ += waiting_.size();
  waiting_.clear();
}

}  // namespace signet::test
