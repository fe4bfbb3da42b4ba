// The writer on disks that fail: what a failed COMMIT takes with it, and that it passes.
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <optional>

#include "tests/agent/ledger/faulty_disk.h"
#include "tests/agent/ledger/writer_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

// The real thing: the file may not grow. All calls of the group fail, reads go on, and it passes.
TEST_CASE("a file size limit fails writes, not reads, and passes", "[ledger][writer]") {
  ScratchDir scratch;
  Counts counts;
  auto ledger = create_ledger(scratch.path(), counting(counts)).value();
  run_loop([&]() -> awaitable<void> { co_await populate(*ledger, 2); });
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit tight = before;
  tight.rlim_cur = 4096;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
  std::optional<Result<void>> failed;
  bool read = false;
  run_loop([&]() -> awaitable<void> {
    ReserveRequest request = request_of(0, 1);
    failed = co_await sign(*ledger, std::move(request));
    const auto keys = co_await ledger->keys();
    read = keys.has_value() && keys->size() == 2;
  });
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  REQUIRE_FALSE(*failed);
  CHECK(failed->error().name == ErrorName::LedgerUnavailable);
  CHECK(string_parameter(failed->error(), "why") == "full");
  CHECK(read);
  CHECK(counts.failed_groups == 1);
  bool passed = false;
  run_loop([&]() -> awaitable<void> {
    ReserveRequest request = request_of(0, 1);
    const auto done = co_await sign(*ledger, std::move(request));
    passed = done.has_value();
  });
  CHECK(passed);
}

// A commit that fails fails all that it would have carried, and only the writes.
TEST_CASE("a failed commit takes all writes of its group", "[ledger][writer]") {
  ScratchDir scratch;
  FaultyDisk disk;
  Gate gate;
  LedgerOptions options;
  options.vfs = disk.name();
  options.on_group = [&gate](std::size_t, bool) { gate.wait_if_closed(); };
  auto ledger = create_ledger(scratch.path(), options).value();
  run_loop([&]() -> awaitable<void> { co_await populate(*ledger, 8); });
  gate.close();
  asio::io_context loop;
  int failed = 0, read = 0;
  const auto hold = [&]() -> awaitable<void> {
    const auto summary = co_await ledger->summary();
    if (summary) ++read;
  };
  asio::co_spawn(loop, hold, asio::detached);
  loop.poll();
  gate.await_waiting();
  for (int number = 0; number < 8; ++number) {
    const auto body = [&, number]() -> awaitable<void> {
      ReserveRequest request = request_of(number, 1);
      const auto reserved = co_await ledger->reserve(std::move(request));
      if (!reserved && string_parameter(reserved.error(), "why") == "io") ++failed;
    };
    asio::co_spawn(loop, body, asio::detached);
    asio::co_spawn(loop, hold, asio::detached);
  }
  loop.poll();
  disk.fail(DiskFault::SyncError, 0, 1);  // the writer is held: nobody uses the disk now
  gate.open();
  loop.run();
  CHECK(failed == 8);
  CHECK(read == 9);
  int passed = 0;
  run_loop([&]() -> awaitable<void> {
    for (int number = 0; number < 8; ++number) {
      ReserveRequest request = request_of(number, 1);
      request.payload += "other";
      request.digest = digest_of(request.payload);
      const auto done = co_await sign(*ledger, std::move(request));
      if (done) ++passed;
    }
  });
  CHECK(passed == 8);
}

}  // namespace
}  // namespace signet::test
