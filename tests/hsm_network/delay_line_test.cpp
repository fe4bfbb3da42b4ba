#include "tests/hsm_network/delay_line.h"

#include <catch2/catch.hpp>

using namespace signet::test;
using namespace std::chrono_literals;
using Clock = DelayLine::Clock;

namespace {

const Clock::time_point kStart{};

LinkWeather weather(std::chrono::microseconds delay, double loss = 0, bool cut = false) {
  LinkWeather made;
  made.delay = delay;
  made.loss = loss;
  made.cut = cut;
  return made;
}

}  // namespace

TEST_CASE("a packet comes out after the delay, not before") {
  DelayLine line(1);
  line.take({1}, weather(5ms), kStart);
  CHECK_FALSE(line.due(kStart + 4999us));
  REQUIRE(line.next());
  CHECK(*line.next() == kStart + 5ms);
  CHECK(line.due(kStart + 5ms) == Packet{1});
  CHECK_FALSE(line.next());
}

TEST_CASE("packets keep their order when the delay gets shorter") {
  DelayLine line(1);
  line.take({1}, weather(50ms), kStart);
  line.take({2}, weather(1ms), kStart + 1ms);
  CHECK_FALSE(line.due(kStart + 10ms));
  CHECK(line.due(kStart + 50ms) == Packet{1});
  CHECK(line.due(kStart + 50ms) == Packet{2});
}

TEST_CASE("a cut loses what is under way and what comes; after it packets pass again") {
  DelayLine line(1);
  line.take({1}, weather(5ms), kStart);
  line.cut();
  line.take({2}, weather(5ms, 0, true), kStart + 1ms);
  CHECK_FALSE(line.due(kStart + 1h));
  CHECK(line.lost() == 2);
  line.take({3}, weather(5ms), kStart + 2ms);
  CHECK(line.due(kStart + 7ms) == Packet{3});
  CHECK(line.passed() == 1);
}

TEST_CASE("loss takes its share, the same packets in every run") {
  DelayLine one(7), other(7);
  for (int i = 0; i < 10000; ++i) {
    one.take({1}, weather(0ms, 0.05), kStart);
    other.take({1}, weather(0ms, 0.05), kStart);
    while (one.due(kStart)) {
    }
    while (other.due(kStart)) {
    }
    REQUIRE(one.lost() == other.lost());
  }
  CHECK(one.lost() > 400);
  CHECK(one.lost() < 600);
  CHECK(one.lost() + one.passed() == 10000);
}

TEST_CASE("more packets than a link's buffer holds are lost") {
  DelayLine line(1);
  for (std::size_t i = 0; i < DelayLine::kMostPackets + 1; ++i) line.take({1}, weather(1s), kStart);
  CHECK(line.lost() == 1);
}
