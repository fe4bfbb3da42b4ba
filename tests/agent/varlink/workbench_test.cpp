#include "agent/varlink/workbench.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using boost::asio::awaitable;
using signet::Workbench;

namespace {

// Runs a coroutine to its end on a loop of its own; what it throws comes out.
template <typename Body>
void on_loop(const Body& body) {
  boost::asio::io_context loop{1};
  std::exception_ptr fault;
  boost::asio::co_spawn(loop, body, [&fault](const std::exception_ptr& thrown) { fault = thrown; });
  loop.run();
  if (fault) std::rethrow_exception(fault);
}

std::thread::id here() {
  return std::this_thread::get_id();
}

}  // namespace

TEST_CASE("small work is done at once, large work beside the loop, and both come back to it") {
  Workbench bench;
  std::thread::id small, large, after;
  on_loop([&]() -> awaitable<void> {
    small = co_await bench.run(Workbench::kSmall, here);
    large = co_await bench.run(Workbench::kSmall + 1, here);
    after = here();
  });
  CHECK(small == here());
  CHECK(large != here());
  CHECK(after == here());
}

TEST_CASE("small work does not wait for large work") {
  Workbench bench;
  std::promise<void> small_is_done;
  bool done = false;
  boost::asio::io_context loop{1};
  const auto large = [&]() -> awaitable<void> {
    // Would never end if small work went through the bench, or if this held up the loop.
    const auto work = [&] {
      small_is_done.get_future().wait();
      return true;
    };
    done = co_await bench.run(Workbench::kSmall + 1, work);
  };
  const auto small = [&]() -> awaitable<void> {
    const auto work = [&] {
      small_is_done.set_value();
      return true;
    };
    co_await bench.run(Workbench::kSmall, work);
  };
  boost::asio::co_spawn(loop, large, boost::asio::detached);
  boost::asio::co_spawn(loop, small, boost::asio::detached);
  loop.run();
  CHECK(done);
}

TEST_CASE("large pieces of work are done one after the other, in the order asked for, by one thread") {
  constexpr int kPieces = 20;
  Workbench bench;
  boost::asio::io_context loop{1};
  std::vector<std::thread::id> threads;
  std::vector<int> order;         // both touched on the bench's one thread alone: else TSan would say so
  int running = 0, together = 0;  // and so are these
  const auto one = [&](int number) -> awaitable<void> {
    const auto work = [&, number] {
      together = std::max(together, ++running);
      order.push_back(number);
      std::this_thread::yield();
      --running;
      return here();
    };
    const std::thread::id thread = co_await bench.run(Workbench::kSmall + 1, work);
    threads.push_back(thread);
  };
  for (int i = 0; i < kPieces; ++i) boost::asio::co_spawn(loop, one(i), boost::asio::detached);
  loop.run();
  std::vector<int> asked(kPieces);
  std::iota(asked.begin(), asked.end(), 0);
  CHECK(order == asked);
  CHECK(together == 1);
  CHECK(threads == std::vector<std::thread::id>(kPieces, threads.at(0)));
}

TEST_CASE("a result that cannot be copied comes back as it was made") {
  Workbench bench;
  std::unique_ptr<std::string> made;
  on_loop([&]() -> awaitable<void> {
    const auto work = [] { return std::make_unique<std::string>("made on the bench"); };
    made = co_await bench.run(Workbench::kSmall + 1, work);
  });
  CHECK(*made == "made on the bench");
}

TEST_CASE("an exception comes to who asked for the work, and the bench goes on") {
  Workbench bench;
  const auto throws = []() -> int { throw std::runtime_error("a bug"); };
  for (const std::size_t bytes : {Workbench::kSmall, Workbench::kSmall + 1}) {
    const auto body = [&]() -> awaitable<void> { co_await bench.run(bytes, throws); };
    CHECK_THROWS_WITH(on_loop(body), "a bug");
  }
  std::thread::id after;
  on_loop([&]() -> awaitable<void> { after = co_await bench.run(Workbench::kSmall + 1, here); });
  CHECK(after != here());
}

TEST_CASE("a bench that goes waits for the piece at hand, and what waited for it goes with it") {
  const auto token = std::make_shared<int>(0);  // held by every coroutine that waits
  bool first_ended = false;
  {
    boost::asio::io_context loop{1};
    auto bench = std::make_unique<Workbench>();
    std::promise<void> begun, go;
    const auto ask = [&](std::function<bool()> work) -> awaitable<void> {
      const auto held = token;
      co_await bench->run(Workbench::kSmall + 1, work);
      throw std::logic_error("the loop does not run any more");
    };
    const auto first = [&] {
      begun.set_value();
      go.get_future().wait();
      return first_ended = true;
    };
    boost::asio::co_spawn(loop, ask(first), boost::asio::detached);
    boost::asio::co_spawn(loop, ask([] { return true; }), boost::asio::detached);
    loop.poll();
    begun.get_future().wait();
    std::thread later([&go] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      go.set_value();
    });
    bench.reset();
    CHECK(first_ended);
    later.join();
  }
  CHECK(token.use_count() == 1);
}
