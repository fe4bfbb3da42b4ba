#include "agent/tokens/touch.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

using namespace signet;
using namespace std::chrono_literals;

namespace {

namespace asio = boost::asio;

asio::awaitable<void> sleep_for(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

void run(asio::io_context& io, asio::awaitable<void> work) {
  asio::co_spawn(io, std::move(work), [](const std::exception_ptr& fault) {
    if (fault) std::rethrow_exception(fault);
  });
}

}  // namespace

TEST_CASE("a touch is waited for as long as the module does") {
  CHECK(touch_wait("Yubico (www.yubico.com) PKCS#11 PIV Library (SP-800-73)") == 15s);
  CHECK(touch_wait("OpenSC Project OpenSC smartcard framework") == 30s);
  CHECK(touch_wait("") == 15s);
}

TEST_CASE("touches come one after the other, in the order of asking") {
  asio::io_context io;
  TouchTurns turns(io.get_executor());
  std::vector<int> order;
  int at_once = 0, most = 0;
  for (int i = 0; i < 5; ++i) {
    run(io,
        [](TouchTurns& all, std::vector<int>& seen, int& now, int& peak,
           int number) -> asio::awaitable<void> {
          const auto turn = co_await all.take(TouchTurns::Clock::now() + 10s);
          if (!turn) co_return;
          seen.push_back(number);
          peak = std::max(peak, ++now);
          co_await sleep_for(5ms);
          --now;
        }(turns, order, at_once, most, i));
  }
  io.run();
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
  CHECK(most == 1);
  CHECK_FALSE(turns.taken());
}

TEST_CASE("who waited too long gets no turn, and takes none from the next") {
  asio::io_context io;
  TouchTurns turns(io.get_executor());
  std::vector<bool> got;
  run(io, [](TouchTurns& all) -> asio::awaitable<void> {
    const auto turn = co_await all.take(TouchTurns::Clock::now() + 10s);
    co_await sleep_for(60ms);
  }(turns));
  for (const auto patience : {10ms, 10000ms}) {
    run(io,
        [](TouchTurns& all, std::vector<bool>& seen,
           std::chrono::milliseconds most) -> asio::awaitable<void> {
          const auto turn = co_await all.take(TouchTurns::Clock::now() + most);
          seen.push_back(turn.has_value());
        }(turns, got, patience));
  }
  io.run();
  CHECK(got == std::vector<bool>{false, true});
  CHECK_FALSE(turns.taken());
}

TEST_CASE("a touch counts as lately for as long as a YubiKey takes it") {
  asio::io_context io;
  TouchTurns turns(io.get_executor());
  CHECK_FALSE(turns.touched_lately());
  turns.touched();
  CHECK(turns.touched_lately());
}

namespace {

// Reminds of a signature that takes `takes`; how often it told, and whether anything was told after the end.
struct Reminding {
  asio::io_context io;
  int told = 0;
  bool over = false, told_late = false;

  void sign(std::chrono::milliseconds delay, std::chrono::milliseconds takes, int tries = 1,
            std::chrono::milliseconds telling = 0ms) {
    Waiting waiting;
    waiting.tell = [this, telling](TokenEvent) -> asio::awaitable<void> {
      if (telling > 0ms) co_await sleep_for(telling);
      ++told;
      told_late = told_late || over;
    };
    run(io,
        [](Reminding& self, Waiting who, std::chrono::milliseconds after, std::chrono::milliseconds duration,
           int rounds) -> asio::awaitable<void> {
          const auto executor = co_await asio::this_coro::executor;
          const auto reminder = std::make_shared<TouchReminder>(executor, who, after);
          for (int i = 0; i < rounds; ++i) {
            TokenEvent event;
            reminder->begun(event);
            co_await sleep_for(duration);
          }
          co_await reminder->finish();
          self.over = true;
        }(*this, std::move(waiting), delay, takes, tries));
    io.run();
  }
};

}  // namespace

TEST_CASE("a key that wants a touch: told at once, at each try; one that may: only when it is silent") {
  Reminding sure, quick, silent, again;
  sure.sign(0ms, 5ms);
  CHECK(sure.told == 1);
  quick.sign(1000ms, 5ms);
  CHECK(quick.told == 0);
  silent.sign(10ms, 80ms);
  CHECK(silent.told == 1);
  again.sign(0ms, 5ms, 3);
  CHECK(again.told == 3);
}

TEST_CASE("nothing is told after the call: it waits for what is being told") {
  Reminding slow;
  slow.sign(0ms, 5ms, 1, 60ms);
  CHECK(slow.told == 1);
  CHECK_FALSE(slow.told_late);
}
