#include "agent/event_loop.h"

#include <time.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <stdexcept>
#include <thread>

using namespace signet;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

std::chrono::nanoseconds processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// A timer that fires `count` times, so far apart.
void tick(asio::steady_timer& timer, std::chrono::microseconds apart, int count, int& ticks) {
  if (count == 0) return;
  timer.expires_after(apart);
  timer.async_wait([&timer, apart, count, &ticks](boost::system::error_code) {
    ++ticks;
    tick(timer, apart, count - 1, ticks);
  });
}

}  // namespace

TEST_CASE("the loop runs what is posted, from other threads too, and ends when nothing is left") {
  asio::io_context loop{1};
  int done = 0;
  auto work = asio::make_work_guard(loop);
  std::thread other([&] {
    for (int call = 0; call < 1000; ++call) {
      asio::post(loop, [&done] { ++done; });
      if (call % 100 == 0) std::this_thread::sleep_for(1ms);
    }
    asio::post(loop, [&work] { work.reset(); });
  });
  run_event_loop(loop);
  other.join();
  CHECK(done == 1000);
}

TEST_CASE("timers fire, however dense") {
  for (const auto apart : {20us, 150us, 2000us}) {
    asio::io_context loop{1};
    asio::steady_timer timer(loop);
    int ticks = 0;
    tick(timer, apart, 50, ticks);
    run_event_loop(loop);
    CHECK(ticks == 50);
  }
}

TEST_CASE("a loop that has little to do sleeps") {
  asio::io_context loop{1};
  asio::steady_timer timer(loop);
  int ticks = 0;
  tick(timer, 10ms, 30, ticks);
  const auto before = processor_time();
  run_event_loop(loop);
  CHECK(processor_time() - before < 60ms);  // of at least 300
}

TEST_CASE("stop() ends it, and what a handler throws comes out") {
  asio::io_context loop{1};
  auto work = asio::make_work_guard(loop);
  asio::post(loop, [&loop] { loop.stop(); });
  run_event_loop(loop);
  loop.restart();
  asio::post(loop, [] { throw std::runtime_error("a bug"); });
  CHECK_THROWS_AS(run_event_loop(loop), std::runtime_error);
}
