// The ledger as the agent uses it: awaited from an event loop, written by its one thread, many calls to a
// COMMIT.
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>
#include <optional>
#include <thread>

#include "agent/ledger/ledger.h"
#include "tests/agent/ledger/writer_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

TEST_CASE("every call of the contract reaches the store and comes back", "[ledger][writer]") {
  ScratchDir scratch;
  auto ledger = Ledger::create(scratch.path()).value();
  run_loop([&]() -> awaitable<void> {
    co_await populate(*ledger, 2);
    auto summary = co_await ledger->summary();
    CHECK(summary->id.size() == 64);
    CHECK(summary->records == 3);
    auto keys = co_await ledger->keys();
    CHECK(keys->size() == 2);
    auto key = co_await ledger->key("k1");
    CHECK(key->name == "k1");
    TrustedRoot root;
    auto adopted = co_await ledger->adopt_repository("b", MetadataFormat::Notary, root, someone());
    CHECK(adopted.error().name == ErrorName::LedgerUnavailable);  // version 0 breaks the schema
    root.version = 1;
    root.digest = digest_of("root");
    adopted = co_await ledger->adopt_repository("b", MetadataFormat::Notary, std::move(root), someone());
    CHECK(adopted);
    auto repository = co_await ledger->repository("b");
    CHECK(repository->root->version == 1);
    auto repositories = co_await ledger->repositories();
    CHECK(repositories->size() == 2);

    ReserveRequest request = request_of(1, 7);
    auto possible = co_await ledger->check(request);
    CHECK(possible);
    auto done = co_await sign(*ledger, request);
    CHECK(done);
    auto marks = co_await ledger->marks("a");
    CHECK(marks->size() == 1);
    auto roles = co_await ledger->key_roles(fingerprint_of("k1"));
    CHECK(roles->size() == 1);
    ObservedMetadata metadata = make_observed("role-1", 8, "eight");
    std::vector<std::string> no_roles;
    auto warnings = co_await ledger->observe("a", std::move(metadata), std::move(no_roles), someone());
    CHECK(warnings->empty());
    auto observed = co_await ledger->observed("a", "role-1");
    CHECK(observed->value().version == 8);
    auto retired = co_await ledger->retire_key("k0", someone());
    CHECK(retired->retired);

    boost::json::object statement{{"key", "k1"}};
    boost::json::object detail;
    auto sequence =
        co_await ledger->record("message.intent", std::move(statement), std::move(detail), someone());
    CHECK(sequence);
    auto rows = co_await ledger->read(*sequence, 10);
    CHECK(rows->size() == 1);

    auto begun = co_await ledger->begin_pin_attempt("t", "00ff");
    CHECK(begun);
    auto attempts = co_await ledger->pin_attempts("t");
    CHECK(attempts->open);
    auto ended = co_await ledger->end_pin_attempt("t", false);
    CHECK(ended);
    auto reset = co_await ledger->reset_pin_attempts("t", someone());
    CHECK(reset);
  });
  ledger.reset();
  CHECK(Ledger::open(scratch.path()));
  CHECK(Ledger::create(scratch.path()).error().name == ErrorName::AlreadyExists);
}

// 64 clients that sign at once must share their commits.
TEST_CASE("concurrent calls share a commit", "[ledger][writer]") {
  constexpr int kClients = 64;
  constexpr int kVersions = 10;
  ScratchDir scratch;
  Counts counts;
  auto ledger = create_ledger(scratch.path(), counting(counts)).value();
  run_loop([&]() -> awaitable<void> { co_await populate(*ledger, kClients); });
  counts.groups = 0;
  counts.calls = 0;
  int succeeded = 0;
  asio::io_context loop;
  for (int client = 0; client < kClients; ++client) {
    const auto body = [&ledger, &succeeded, client]() -> awaitable<void> {
      for (int version = 1; version <= kVersions; ++version) {
        ReserveRequest request = request_of(client, version);
        const auto done = co_await sign(*ledger, std::move(request));
        if (done) ++succeeded;
      }
    };
    asio::co_spawn(loop, body, asio::detached);
  }
  loop.run();
  CHECK(succeeded == kClients * kVersions);
  CHECK(counts.calls == kClients * kVersions * 2);
  INFO(counts.groups << " commits");
  CHECK(counts.groups < counts.calls / 4);
  CHECK(counts.failed_groups == 0);
}

// Callers on several loops in several threads: what the loop of one gets is never another's.
TEST_CASE("calls complete on their caller's executor", "[ledger][writer]") {
  constexpr int kThreads = 4;
  ScratchDir scratch;
  auto ledger = Ledger::create(scratch.path()).value();
  run_loop([&]() -> awaitable<void> { co_await populate(*ledger, kThreads); });
  std::atomic<int> wrong_thread{0}, failures{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      run_loop([&, number]() -> awaitable<void> {
        const auto self = std::this_thread::get_id();
        for (int version = 1; version <= 20; ++version) {
          ReserveRequest request = request_of(number, version);
          const auto done = co_await sign(*ledger, std::move(request));
          if (!done) ++failures;
          if (std::this_thread::get_id() != self) ++wrong_thread;
          const auto marks = co_await ledger->marks("a");
          if (!marks) ++failures;
        }
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong_thread == 0);
  CHECK(failures == 0);
}

// Two clients with different bytes for one version, over and over: one wins, the other is told to wait or
// that it lost.
TEST_CASE("of two clients with different bytes one wins", "[ledger][writer]") {
  ScratchDir scratch;
  auto ledger = Ledger::create(scratch.path()).value();
  run_loop([&]() -> awaitable<void> { co_await populate(*ledger, 1); });
  for (int version = 1; version <= 20; ++version) {
    int won = 0, lost = 0;
    asio::io_context loop;
    for (const char* variant : {"x", "y", "z"}) {
      const auto body = [&, variant]() -> awaitable<void> {
        ReserveRequest request = request_of(0, version);
        request.payload += variant;
        request.digest = digest_of(request.payload);
        const auto done = co_await sign(*ledger, std::move(request));
        if (done)
          ++won;
        else if (done.error().name == ErrorName::Busy || done.error().name == ErrorName::VersionConflict)
          ++lost;
      };
      asio::co_spawn(loop, body, asio::detached);
    }
    loop.run();
    CHECK(won == 1);
    CHECK(lost == 2);
  }
}

TEST_CASE("a full queue says Busy, but still takes what ends something", "[ledger][writer]") {
  ScratchDir scratch;
  Gate gate;
  LedgerOptions options;
  options.queue = 4;
  options.on_group = [&gate](std::size_t, bool) { gate.wait_if_closed(); };
  auto ledger = create_ledger(scratch.path(), options).value();
  std::int64_t reservation = 0;
  run_loop([&]() -> awaitable<void> {
    co_await populate(*ledger, 1);
    ReserveRequest request = request_of(0, 1);
    const auto reserved = co_await ledger->reserve(std::move(request));
    reservation = reserved->id;
  });
  gate.close();
  asio::io_context loop;
  int fine = 0, busy = 0;
  bool finished = false;
  const auto ask = [&]() -> awaitable<void> {
    const auto keys = co_await ledger->keys();
    if (keys)
      ++fine;
    else if (keys.error().name == ErrorName::Busy)
      ++busy;
  };
  asio::co_spawn(loop, ask, asio::detached);
  loop.poll();
  gate.await_waiting();  // the writer holds the first call; four more may wait
  for (int extra = 0; extra < 6; ++extra) asio::co_spawn(loop, ask, asio::detached);
  const auto end = [&]() -> awaitable<void> {
    std::vector<KeyOutcome> outcomes{signed_by("k0")};
    const auto done = co_await ledger->finish(reservation, std::move(outcomes));
    finished = done.has_value();
  };
  asio::co_spawn(loop, end, asio::detached);
  loop.poll();
  CHECK(busy == 2);
  gate.open();
  loop.run();
  CHECK(fine == 5);
  CHECK(finished);
}

TEST_CASE("each COMMIT that wrote is told of, and no other", "[ledger][writer]") {
  ScratchDir scratch;
  std::atomic<int> told{0};
  LedgerOptions options;
  options.on_commit = [&told] { ++told; };
  auto ledger = create_ledger(scratch.path(), options).value();
  run_loop([&]() -> awaitable<void> {
    const auto before = co_await ledger->summary();
    co_await populate(*ledger, 2);
    const int after_writes = told;
    CHECK(after_writes == 3);
    co_await ledger->keys();
    co_await ledger->summary();
    CHECK(told == after_writes);
    const auto summary = co_await ledger->summary();
    CHECK(summary->commits == before->commits + after_writes);
  });
}

TEST_CASE("a ledger that is destroyed ends what was asked of it first", "[ledger][writer]") {
  ScratchDir scratch;
  auto ledger = Ledger::create(scratch.path()).value();
  asio::io_context loop;
  int ended = 0;
  for (int number = 0; number < 20; ++number) {
    const auto body = [&, number]() -> awaitable<void> {
      LedgerKey key = make_key("k" + std::to_string(number));
      const auto added = co_await ledger->add_key(std::move(key), someone());
      if (added) ++ended;
    };
    asio::co_spawn(loop, body, asio::detached);
  }
  loop.poll();
  ledger.reset();
  loop.run();
  CHECK(ended == 20);
}

TEST_CASE("a loop that goes away first takes its waiting calls along", "[ledger][writer]") {
  ScratchDir scratch;
  std::optional<asio::io_context> loop(std::in_place);
  auto ledger = Ledger::create(scratch.path()).value();
  bool asked = false;
  const auto body = [&]() -> awaitable<void> {
    asked = true;
    const auto summary = co_await ledger->summary();
    FAIL("nobody may be told");
  };
  asio::co_spawn(*loop, body, asio::detached);
  while (!asked) loop->poll_one();  // and not once more: the answer would come
  ledger.reset();                   // first the ledger, then the loop: the order that the contract asks for
  loop.reset();
}

}  // namespace
}  // namespace signet::test
