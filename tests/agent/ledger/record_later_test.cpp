// Records that nobody waits for: they share the commits of others.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "agent/ledger/ledger.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

struct Groups {
  std::mutex mutex;
  std::vector<std::size_t> sizes;
};

LedgerOptions noting(Groups& groups, std::chrono::milliseconds patience) {
  LedgerOptions options;
  options.patience = patience;
  options.group = 8;
  options.on_group = [&groups](std::size_t calls, bool) {
    const std::lock_guard lock(groups.mutex);
    groups.sizes.push_back(calls);
  };
  return options;
}

awaitable<void> record_one(Ledger& ledger, bool later, int& written) {
  boost::json::object statement{{"key", "k"}};
  boost::json::object detail;
  const auto sequence =
      later ? co_await ledger.record_later("message-outcome", std::move(statement), std::move(detail),
                                           someone())
            : co_await ledger.record("message-intent", std::move(statement), std::move(detail), someone());
  if (sequence) ++written;
}

void begin(asio::io_context& loop, Ledger& ledger, bool later, int& written) {
  asio::co_spawn(loop, record_one(ledger, later, written), asio::detached);
  loop.poll();
}

constexpr std::chrono::hours kForEver(1);

TEST_CASE("a record that nobody waits for goes to the disk with one that somebody does", "[ledger][writer]") {
  ScratchDir scratch;
  Groups groups;
  auto ledger = create_ledger(scratch.path(), noting(groups, kForEver)).value();
  asio::io_context loop;
  int later = 0, at_once = 0;
  for (int number = 0; number < 5; ++number) begin(loop, *ledger, true, later);
  begin(loop, *ledger, false, at_once);
  loop.restart();
  loop.run();
  CHECK(at_once == 1);
  CHECK(later == 5);
  CHECK(groups.sizes == std::vector<std::size_t>{6});
}

TEST_CASE("as many as fill a group wait for nobody", "[ledger][writer]") {
  ScratchDir scratch;
  Groups groups;
  auto ledger = create_ledger(scratch.path(), noting(groups, kForEver)).value();
  asio::io_context loop;
  int later = 0;
  for (int number = 0; number < 8; ++number) begin(loop, *ledger, true, later);
  loop.restart();
  loop.run();
  CHECK(later == 8);
  CHECK(groups.sizes == std::vector<std::size_t>{8});
}

TEST_CASE("a record alone is written when its patience ends", "[ledger][writer]") {
  ScratchDir scratch;
  Groups groups;
  auto ledger = create_ledger(scratch.path(), noting(groups, std::chrono::milliseconds(50))).value();
  asio::io_context loop;
  int later = 0;
  const auto begun = std::chrono::steady_clock::now();
  begin(loop, *ledger, true, later);
  loop.restart();
  loop.run();
  CHECK(later == 1);
  CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(50));
}

TEST_CASE("records that wait are written at the end", "[ledger][writer]") {
  ScratchDir scratch;
  Groups groups;
  asio::io_context loop;
  int later = 0;
  {
    auto ledger = create_ledger(scratch.path(), noting(groups, kForEver)).value();
    for (int number = 0; number < 3; ++number) begin(loop, *ledger, true, later);
  }
  loop.restart();
  loop.run();
  CHECK(later == 3);
  auto again = open_ledger(scratch.path(), {}).value();
  std::vector<RecordRow> records;
  asio::co_spawn(
      loop,
      [&]() -> awaitable<void> {
        auto read = co_await again->read(1, 10);
        if (read) records = std::move(*read);
      },
      asio::detached);
  loop.restart();
  loop.run();
  REQUIRE(records.size() == 3);
  for (const RecordRow& record : records)
    CHECK(record.statement.find(R"("kind":"message-outcome")") != std::string::npos);
}

}  // namespace
}  // namespace signet::test
