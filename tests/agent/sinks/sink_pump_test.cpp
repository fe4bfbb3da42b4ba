// A sink is kept up to date with a real ledger: while it works, fails, and after restarts.
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <mutex>

#include "agent/ledger/ledger_options.h"
#include "agent/sinks/sink_pump.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

namespace asio = boost::asio;
using Numbers = std::vector<std::int64_t>;

// What a sink got, and whether it fails. Used by the sink's thread and the test's.
struct Received {
  std::mutex mutex;
  Numbers records;
  std::vector<std::string> checkpoints;
  bool fails = false, half = false;
  int tries = 0;

  Numbers all() {
    const std::lock_guard lock(mutex);
    return records;
  }
  std::vector<std::string> notes() {
    const std::lock_guard lock(mutex);
    return checkpoints;
  }
  void fail(bool now) {
    const std::lock_guard lock(mutex);
    fails = now;
  }
};

class RecordingSink final : public RecordSink {
 public:
  explicit RecordingSink(std::shared_ptr<Received> received) : received_(std::move(received)) {}

  Result<void> write(const std::string&, const std::vector<RecordRow>& rows) override {
    const std::lock_guard lock(received_->mutex);
    ++received_->tries;
    for (const RecordRow& row : rows) {
      if (received_->fails && (!received_->half || row.sequence == rows.back().sequence))
        return Error{ErrorName::FileFault, "It is broken."};
      received_->records.push_back(row.sequence);
    }
    return {};
  }
  Result<void> write_checkpoint(const std::string&, const std::string& note) override {
    const std::lock_guard lock(received_->mutex);
    if (received_->fails) return Error{ErrorName::FileFault, "It is broken."};
    received_->checkpoints.push_back(note);
    return {};
  }

 private:
  std::shared_ptr<Received> received_;
};

// A loop, a ledger, and one sink.
class Bench {
 public:
  explicit Bench(bool backfill = true) : feed(std::make_shared<RecordFeed>(loop.get_executor())) {
    spdlog::set_level(spdlog::level::off);
    LedgerOptions options;
    options.on_commit = [feed = feed] { feed->committed(); };
    ledger = create_ledger(scratch.path(), options).value();
    config.name = "test";
    config.backfill = backfill;
  }
  ~Bench() {
    if (pump) pump->stop();
    loop.restart();
    loop.poll();
  }

  void start() {
    SinkPauses pauses;
    pauses.first = std::chrono::milliseconds(5);
    pauses.longest = std::chrono::milliseconds(20);
    pump = std::make_shared<SinkPump>(loop.get_executor(), feed, config,
                                      std::make_unique<RecordingSink>(received), scratch.path(), pauses);
    pump->start(*ledger);
  }
  void stop() {
    pump->stop();
    loop.run_for(std::chrono::milliseconds(50));
    pump.reset();
  }
  void record(int count) {
    for (int number = 0; number < count; ++number) {
      asio::co_spawn(
          loop,
          [this]() -> asio::awaitable<void> {
            boost::json::object body, detail;
            co_await ledger->record("message-intent", std::move(body), std::move(detail), someone());
          },
          [](const std::exception_ptr&) {});
    }
  }
  template <typename Condition>
  bool until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition() && std::chrono::steady_clock::now() < end) {
      if (loop.stopped()) loop.restart();  // it had run out of work
      loop.run_one_for(std::chrono::milliseconds(20));
    }
    return condition();
  }
  bool got(std::size_t count) {
    return until([&] { return received->all().size() >= count; });
  }

  asio::io_context loop;
  ScratchDir scratch;
  std::shared_ptr<RecordFeed> feed;
  std::unique_ptr<Ledger> ledger;
  SinkConfig config;
  std::shared_ptr<Received> received = std::make_shared<Received>();
  std::shared_ptr<SinkPump> pump;
};

Numbers upto(std::int64_t last, std::int64_t first = 1) {
  Numbers numbers;
  for (; first <= last; ++first) numbers.push_back(first);
  return numbers;
}

TEST_CASE("a sink gets every record once and in order while it works", "[sinks]") {
  Bench bench;
  bench.start();
  bench.record(700);
  REQUIRE(bench.got(700));
  CHECK(bench.received->all() == upto(700));
  CHECK(bench.until([&] { return bench.pump->idle(); }));
  CHECK(bench.pump->state().position == 700);
  CHECK(bench.pump->state().failures == 0);
}

TEST_CASE("a sink that fails is counted, tried again, and loses nothing", "[sinks]") {
  Bench bench;
  bench.received->half = GENERATE(false, true);
  bench.received->fail(true);
  bench.start();
  bench.record(5);
  REQUIRE(bench.until([&] { return bench.pump->state().failures >= 3; }));
  CHECK(bench.pump->state().failing);
  CHECK(bench.pump->state().position == 0);
  CHECK(bench.pump->state().error.find("It is broken.") != std::string::npos);
  bench.record(5);
  bench.received->fail(false);
  REQUIRE(bench.until([&] { return bench.pump->state().position == 10; }));
  CHECK_FALSE(bench.pump->state().failing);
  // Each at least once, the last ones in order.
  const Numbers all = bench.received->all();
  for (const std::int64_t number : upto(10)) CHECK(std::count(all.begin(), all.end(), number) >= 1);
  CHECK(Numbers(all.end() - 5, all.end()) == upto(10, 6));
}

TEST_CASE("a sink goes on after a restart where it was", "[sinks]") {
  Bench bench;
  bench.start();
  bench.record(5);
  REQUIRE(bench.got(5));
  REQUIRE(bench.until([&] { return bench.pump->idle(); }));
  bench.stop();
  bench.record(5);
  bench.loop.restart();
  bench.start();
  REQUIRE(bench.got(10));
  CHECK(bench.received->all() == upto(10));
}

TEST_CASE("a new sink begins with what is new, or with backfill at the beginning", "[sinks]") {
  const bool backfill = GENERATE(false, true);
  Bench bench(backfill);
  bench.record(5);
  REQUIRE(bench.until([&] { return bench.feed->count() > 0; }));
  bench.loop.run_for(std::chrono::milliseconds(50));
  bench.start();
  REQUIRE(bench.until([&] { return bench.pump->idle(); }));
  bench.record(2);
  REQUIRE(bench.got(backfill ? 7 : 2));
  CHECK(bench.received->all() == upto(7, backfill ? 1 : 6));
}

TEST_CASE("the newest checkpoint reaches a sink behind its records", "[sinks]") {
  Bench bench;
  bench.received->fail(true);
  bench.start();
  bench.record(3);
  REQUIRE(bench.until([&] { return bench.pump->state().failures >= 1; }));
  bench.pump->push_checkpoint("old");
  bench.pump->push_checkpoint("new");
  bench.received->fail(false);
  REQUIRE(bench.until([&] { return !bench.received->notes().empty() && bench.pump->idle(); }));
  CHECK(bench.received->notes() == std::vector<std::string>{"new"});
  CHECK(bench.received->all() == upto(3));
}

TEST_CASE("a sink that was ahead of the ledger starts at the ledger's end", "[sinks]") {
  Bench bench;
  bench.record(3);
  bench.loop.run_for(std::chrono::milliseconds(100));
  bench.loop.restart();
  std::string id;
  asio::co_spawn(
      bench.loop,
      [&]() -> asio::awaitable<void> {
        const auto summary = co_await bench.ledger->summary();
        id = summary->id;
      },
      [](const std::exception_ptr&) {});
  REQUIRE(bench.until([&] { return !id.empty(); }));
  REQUIRE(SinkPosition(bench.scratch.path(), "test").save(id, 50));
  bench.start();
  REQUIRE(bench.until([&] { return bench.pump->idle(); }));
  CHECK(bench.pump->state().position == 3);
  bench.record(1);
  REQUIRE(bench.got(1));
  CHECK(bench.received->all() == Numbers{4});
}

}  // namespace
}  // namespace signet::test
