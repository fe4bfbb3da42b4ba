// Records found again: by every filter, in both directions, page by page, and in ledgers that had no index.
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <set>

#include "agent/ledger/ledger_files.h"
#include "protocol/ledger_record.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

// A clock that a test sets.
struct SetClock {
  std::chrono::system_clock::time_point now{std::chrono::hours(24 * 365 * 50)};
  LedgerOptions options() {
    LedgerOptions options;
    options.clock = [this] { return now; };
    return options;
  }
};

RecordPage page_of(LedgerBench& bench, const RecordFilter& filter, const RecordCursor& cursor) {
  return bench
      .call([&]() -> Result<RecordPage> { return bench.store().records().index().find(filter, cursor); })
      .value();
}

// All that the filter lets through, walked in pages of `limit`.
std::vector<std::int64_t> found(LedgerBench& bench, const RecordFilter& filter, bool newest_first = false,
                                std::int64_t limit = 3) {
  std::vector<std::int64_t> sequences;
  RecordCursor cursor;
  cursor.newest_first = newest_first;
  cursor.limit = limit;
  for (;;) {
    const RecordPage page = page_of(bench, filter, cursor);
    for (const RecordRow& row : page.rows) sequences.push_back(row.sequence);
    if (page.end) return sequences;
    REQUIRE(page.next != cursor.after);
    cursor.after = page.next;
  }
}

// What the filter means, said without an index.
std::vector<std::int64_t> expected(LedgerBench& bench,
                                   const std::function<bool(const RecordStatement&)>& wanted) {
  std::vector<std::int64_t> sequences;
  for (const RecordRow& row : bench.records())
    if (wanted(parse_record_statement(row.statement).value())) sequences.push_back(row.sequence);
  return sequences;
}

void live(LedgerBench& bench) {
  bench.populate();
  for (int version = 1; version <= 6; ++version) {
    const std::string payload = "payload " + std::to_string(version);
    REQUIRE(bench.sign(make_request("a", "targets", version, payload, {"k1", "k2"})));
    REQUIRE(bench.sign(make_request("b", "snapshot", version, payload, {"k3"})));
    const auto failed = bench.reserve(make_request("a", "timestamp", version, payload, {"k3"}));
    REQUIRE(bench.finish(failed->id, {failed_by("k3")}));
  }
}

TEST_CASE("each filter finds what it says, in both directions", "[ledger][index]") {
  LedgerBench bench;
  live(bench);
  const auto check = [&](const RecordFilter& filter, const auto& wanted, std::size_t at_least) {
    std::vector<std::int64_t> forward = expected(bench, wanted);
    CHECK(forward.size() >= at_least);
    CHECK(found(bench, filter) == forward);
    std::vector<std::int64_t> backward(forward.rbegin(), forward.rend());
    CHECK(found(bench, filter, true) == backward);
    CHECK(found(bench, filter, false, 1000) == forward);
  };
  RecordFilter filter;
  check(
      filter, [](const RecordStatement&) { return true; }, 36);
  filter.repository = "a";
  check(
      filter, [](const auto& record) { return record_repository(record.body) == "a"; }, 20);
  filter.role = "timestamp";
  check(
      filter, [](const auto& record) { return record_role(record.body) == "timestamp"; }, 12);
  filter.outcome = "nothing-signed";
  check(
      filter, [](const auto& record) { return record_outcome(record.body) == "nothing-signed"; }, 6);
  filter = {};
  filter.kind = "sign";
  check(
      filter, [](const auto& record) { return record.kind.starts_with("sign."); }, 36);
  filter.kind = "sign.intent";
  check(
      filter, [](const auto& record) { return record.kind == "sign.intent"; }, 18);
  filter.kind = "sig";  // no group
  check(
      filter, [](const auto&) { return false; }, 0);
  filter = {};
  filter.fingerprint = fingerprint_of("k3");
  const auto names_k3 = [](const RecordStatement& record) {
    const auto keys = record_keys(record.body);
    return std::find(keys.begin(), keys.end(), fingerprint_of("k3")) != keys.end();
  };
  check(filter, names_k3, 25);
  filter.repository = "b";
  check(
      filter, [&](const auto& record) { return names_k3(record) && record_repository(record.body) == "b"; },
      12);
  filter = {};
  filter.uid = 4711;
  check(
      filter, [](const auto&) { return false; }, 0);
}

TEST_CASE("times are found though the clock went back", "[ledger][index]") {
  SetClock clock;
  LedgerBench bench(clock.options());
  bench.populate();
  std::vector<std::string> times;
  for (const int hours : {1, 2, 10, 3, 4, 11}) {
    clock.now = std::chrono::system_clock::time_point(std::chrono::hours(24 * 365 * 50 + hours));
    const auto version = static_cast<std::int64_t>(times.size()) + 1;
    REQUIRE(bench.sign(make_request("a", "targets", version, std::to_string(hours))));
    times.push_back(bench.store().records().now());
  }
  for (const std::string& since : times)
    for (const std::string& until : times) {
      RecordFilter filter;
      filter.since = since;
      filter.until = until;
      INFO(since << " to " << until);
      CHECK(found(bench, filter) ==
            expected(bench, [&](const auto& record) { return record.time >= since && record.time < until; }));
    }
}

TEST_CASE("an intent and its outcome know each other", "[ledger][index]") {
  LedgerBench bench;
  bench.populate();
  const auto reservation = bench.reserve(make_request("a", "targets", 1, "one"));
  const auto show = [&](std::int64_t sequence) {
    return bench.call([&] { return bench.store().records().in_full(sequence); });
  };
  CHECK_FALSE(show(reservation->id)->partner);
  REQUIRE(bench.finish(reservation->id, {signed_by("k1")}));
  const auto intent = show(reservation->id);
  REQUIRE(intent->partner);
  CHECK(intent->partner->sequence == reservation->id + 1);
  CHECK(show(reservation->id + 1)->partner->sequence == reservation->id);
  const auto statement = parse_record_statement(intent->record.statement).value();
  CHECK(detail_matches(statement.detail_hash, intent->detail.salt, intent->detail.detail));
  CHECK_FALSE(detail_matches(statement.detail_hash, intent->detail.salt, intent->detail.detail + " "));
  CHECK_FALSE(show(1)->partner);
  CHECK(show(999).error().name == ErrorName::NotFound);
}

// After a crash the outcome names its intent alone.
TEST_CASE("an outcome after a crash is found as its intent is", "[ledger][index]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.reserve(make_request("b", "snapshot", 1, "one", {"k2"})));
  bench.reopen();
  RecordFilter filter;
  filter.fingerprint = fingerprint_of("k2");
  filter.repository = "b";
  filter.role = "snapshot";
  CHECK(found(bench, filter).size() == 2);
  filter.outcome = "unknown";
  CHECK(found(bench, filter).size() == 1);
}

TEST_CASE("an index that lost rows gets them back", "[ledger][index]") {
  LedgerBench bench;
  live(bench);
  RecordFilter filter;
  filter.fingerprint = fingerprint_of("k3");
  const auto before = found(bench, filter);
  bench.close();
  {
    Database database(ledger_file(bench.directory()), nullptr);
    database.execute(
        "DELETE FROM record_index WHERE sequence > 7; DELETE FROM record_keys WHERE sequence > 7");
    REQUIRE_FALSE(database.fault());
  }
  bench.reopen();
  CHECK(found(bench, filter) == before);
}

TEST_CASE("a page ends at its limits and says where to go on", "[ledger][index]") {
  LedgerBench bench;
  bench.populate();
  SECTION("of records") {
    for (int version = 1; version <= 600; ++version)
      REQUIRE(bench.sign(make_request("a", "targets", version, std::to_string(version))));
    RecordCursor cursor;
    cursor.limit = 5000;
    CHECK(page_of(bench, {}, cursor).rows.size() == static_cast<std::size_t>(kMaxRecordsPerPage));
    cursor.limit = 0;
    CHECK(page_of(bench, {}, cursor).rows.size() == 1);
  }
  SECTION("of bytes") {
    for (int version = 1; version <= 40; ++version) {
      auto request = make_request("a", "targets", version, std::to_string(version));
      request.statement["long"] = std::string(60'000, 'x');
      REQUIRE(bench.sign(request));
    }
    RecordCursor cursor;
    cursor.limit = 1000;
    const RecordPage page = page_of(bench, {}, cursor);
    CHECK_FALSE(page.end);
    std::size_t bytes = 0;
    for (const RecordRow& row : page.rows) bytes += row.statement.size();
    CHECK(bytes < kMaxPageBytes + kMaxStatementSize);
  }
  SECTION("of what it looks at") {
    bench
        .call([&]() -> Result<void> {
          for (std::int64_t number = 0; number < kMaxExamined + 10; ++number) {
            NewRecord record{"message-intent", {}, {}, someone()};
            if (auto written = bench.store().records().append(std::move(record)); !written)
              return written.error();
          }
          return {};
        })
        .value();
    RecordFilter filter;
    filter.kind = "nothing-like-this";
    const RecordPage page = page_of(bench, filter, {});
    CHECK(page.rows.empty());
    CHECK_FALSE(page.end);
    CHECK(page.next == kMaxExamined);
    CHECK(found(bench, filter).empty());
  }
}

TEST_CASE("every walk is answered by an index, in its order", "[ledger][index]") {
  LedgerBench bench;
  bench.close();
  Database database(ledger_file(bench.directory()), nullptr);
  std::set<std::string> kept;
  for (const std::string_view sql : record_walks()) {
    INFO(sql);
    const std::string& question = *kept.insert("EXPLAIN QUERY PLAN " + std::string(sql)).first;
    std::string plan;
    for (Query row(database, question); row.next();) plan += row.text(3) + "\n";
    REQUIRE_FALSE(database.fault());
    CHECK(plan.find("SEARCH") != std::string::npos);
    CHECK(plan.find("SCAN") == std::string::npos);
    CHECK(plan.find("TEMP B-TREE") == std::string::npos);
  }
}

}  // namespace
}  // namespace signet::test
