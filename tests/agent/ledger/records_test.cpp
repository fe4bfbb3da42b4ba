// What a record says, what it hides, and where it ends; and the PIN attempts, of which records tell without a
// value.
#include <sqlite3.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "agent/ledger/ledger_files.h"
#include "protocol/canonical_json.h"
#include "protocol/public_key.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

LedgerOptions at_a_fixed_time() {
  LedgerOptions options;
  options.clock = [] { return std::chrono::system_clock::from_time_t(1795302000); };  // 2026-11-21T23:00:00Z
  return options;
}

Result<std::int64_t> record(LedgerBench& bench, boost::json::object body, boost::json::object detail = {}) {
  return bench.call([&] {
    NewRecord made{"message.intent", std::move(body), std::move(detail), someone()};
    return bench.store().records().append(std::move(made));
  });
}

struct Raw {
  Bytes salt;
  std::string hash, detail;
};

// The row as it lies in the file.
Raw read_raw(LedgerBench& bench, std::int64_t sequence) {
  bench.close();
  Database database(ledger_file(bench.directory()), nullptr);
  Query row(database, "SELECT salt, detail_hash, detail FROM records WHERE sequence = ?1", sequence);
  REQUIRE(row.next());
  return {row.blob(0), row.text(1), row.text(2)};
}

TEST_CASE("a record is a canonical statement and a salted hash of its detail", "[ledger]") {
  LedgerBench bench(at_a_fixed_time());
  REQUIRE(record(bench, {{"key", "k"}}, {{"secret", "who called"}}).value() == 1);
  REQUIRE(record(bench, {{"key", "k"}}, {{"secret", "who called"}}).value() == 2);
  const auto rows = bench.records();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].time == "2026-11-21T23:00:00Z");
  const auto statement = boost::json::parse(rows[0].statement);
  CHECK(canonical_json(statement).value() == rows[0].statement);
  CHECK(statement.at("kind") == "message.intent");
  CHECK(statement.at("sequence") == 1);
  CHECK(statement.at("time") == "2026-11-21T23:00:00Z");
  CHECK(statement.at("uid") == 1000);
  CHECK(statement.at("body").at("key") == "k");
  CHECK(rows[0].statement.find("who called") == std::string::npos);
  CHECK(rows[0].statement.find("4711") == std::string::npos);  // the pid
  // The same detail twice has two hashes.
  CHECK(statement.at("detail") != boost::json::parse(rows[1].statement).at("detail"));

  const Raw raw = read_raw(bench, 1);
  CHECK(text_of(statement.at("detail")) == raw.hash);
  CHECK(raw.salt.size() == 32);
  Bytes opened = raw.salt;
  opened.insert(opened.end(), raw.detail.begin(), raw.detail.end());
  CHECK(sha256_hex(opened) == raw.hash);
  CHECK(boost::json::parse(raw.detail).at("pid") == 4711);
  CHECK(boost::json::parse(raw.detail).at("secret") == "who called");
}

TEST_CASE("a detail is JSON, and hashed as others read it, whatever a token is called", "[ledger]") {
  LedgerBench bench;
  REQUIRE(record(bench, {{"key", "k"}}, {{"label", "bad\xff"}}));
  CHECK(record(bench, {{"label", "bad\xff"}}).error().name == ErrorName::MetadataInvalid);
  const Raw raw = read_raw(bench, 1);
  CHECK(boost::json::parse(raw.detail).at("label") == "bad?");
  Bytes opened = raw.salt;
  opened.insert(opened.end(), raw.detail.begin(), raw.detail.end());
  CHECK(sha256_hex(opened) == raw.hash);
}

TEST_CASE("records are read in order, from anywhere, at most a thousand", "[ledger]") {
  LedgerBench bench;
  for (int number = 1; number <= 5; ++number) REQUIRE(record(bench, {{"number", number}}).value() == number);
  const auto read = [&](std::int64_t first, std::int64_t limit) {
    return bench
        .call([&]() -> Result<std::vector<RecordRow>> { return bench.store().records().read(first, limit); })
        .value();
  };
  CHECK(read(2, 2).size() == 2);
  CHECK(read(2, 2)[1].sequence == 3);
  CHECK(read(6, 10).empty());
  CHECK(read(-5, 10).size() == 5);
  CHECK(read(1, -1).empty());
  CHECK(bench.store().summary().records == 5);
}

// The largest statement that fits, and one byte more.
TEST_CASE("a statement of 64 KiB is refused before anything is written", "[ledger]") {
  LedgerBench bench(at_a_fixed_time());
  REQUIRE(record(bench, {{"text", ""}}));
  const std::size_t room = kMaxStatementSize - bench.records()[0].statement.size();
  REQUIRE(record(bench, {{"text", std::string(room, 'x')}}));
  CHECK(bench.records()[1].statement.size() == 65535);
  const auto large = record(bench, {{"text", std::string(room + 1, 'x')}});
  REQUIRE_FALSE(large);
  CHECK(large.error().name == ErrorName::LimitExceeded);
  CHECK(string_parameter(large.error(), "limit") == "record-size");
  CHECK(bench.records().size() == 2);
  CHECK(record(bench, {}, {{"text", std::string(kMaxDetailSize, 'x')}}).error().name ==
        ErrorName::LimitExceeded);
}

TEST_CASE("what has no canonical form is refused before anything is written", "[ledger]") {
  LedgerBench bench;
  CHECK(record(bench, {{"text", "bell\a"}}).error().name == ErrorName::MetadataInvalid);
  CHECK(record(bench, {{"number", 1.5}}).error().name == ErrorName::MetadataInvalid);
  CHECK(bench.records().empty());
}

TEST_CASE("an intent that is too large reserves nothing", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  auto request = make_request("a", "targets", 2, "two");
  request.statement = {{"difference", std::string(70000, 'x')}};
  CHECK(bench.reserve(request).error().name == ErrorName::LimitExceeded);
  CHECK(bench.store().summary().records == 5);
  CHECK(bench.call([&] { return bench.store().repositories().marks("a"); })->size() == 1);
  CHECK(bench.reserve(make_request("a", "targets", 2, "three")));
}

// Names that need escapes, and as many keys as a reservation may have: its outcome must not be what is too
// large.
TEST_CASE("the largest reservation has an outcome that fits", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  const std::string name(kMaxReservedNames - 200, '"');
  REQUIRE(
      bench.call([&] { return bench.store().repositories().create(name, MetadataFormat::Tuf, someone()); }));
  auto request = make_request(name, std::string(200, '\\'), 2, "two", {});
  std::vector<KeyOutcome> outcomes;
  for (std::size_t number = 0; number < kMaxReservedKeys; ++number) {
    const std::string key = "many-" + std::to_string(number);
    request.fingerprints.push_back(fingerprint_of(key));
    outcomes.push_back(number == 0 ? signed_by(key) : failed_by(key));
    outcomes.back().fault += std::string(100000, '\x01');
  }
  REQUIRE(bench.call([&]() -> Result<void> {
    for (std::size_t number = 0; number < kMaxReservedKeys; ++number)
      bench.store().keys().add(make_key("many-" + std::to_string(number)), someone()).value();
    return {};
  }));
  const auto reservation = bench.reserve(request);
  REQUIRE(reservation);
  REQUIRE(bench.finish(reservation->id, outcomes));
  CHECK(bench.check(request)->released_before);
}

TEST_CASE("records never change and never go", "[ledger]") {
  LedgerBench bench;
  REQUIRE(record(bench, {{"key", "k"}}));
  bench.close();
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(ledger_file(bench.directory()).c_str(), &database) == SQLITE_OK);
  CHECK(sqlite3_exec(database, "UPDATE records SET kind = 'x'", nullptr, nullptr, nullptr) ==
        SQLITE_CONSTRAINT);
  CHECK(sqlite3_exec(database, "DELETE FROM records", nullptr, nullptr, nullptr) == SQLITE_CONSTRAINT);
  sqlite3_close(database);
}

// --- PIN attempts ---

PinAttempts attempts(LedgerBench& bench) {
  return bench.call([&]() -> Result<PinAttempts> { return bench.store().pins().attempts("t"); }).value();
}
Result<void> begin(LedgerBench& bench, const std::string& value) {
  return bench.call([&] { return bench.store().pins().begin("t", value); });
}
Result<void> end(LedgerBench& bench, bool accepted) {
  return bench.call([&] { return bench.store().pins().end("t", accepted); });
}

TEST_CASE("a PIN attempt is remembered until a success or a reset", "[ledger]") {
  LedgerBench bench;
  CHECK(attempts(bench).wrong == 0);
  REQUIRE(begin(bench, "aa"));
  CHECK(attempts(bench).open);
  CHECK(attempts(bench).pending == "aa");
  REQUIRE(end(bench, false));
  bench.reopen();
  CHECK_FALSE(attempts(bench).open);
  CHECK(attempts(bench).wrong == 1);
  CHECK(attempts(bench).refused == std::vector<std::string>{"aa"});
  REQUIRE(begin(bench, "bb"));
  REQUIRE(end(bench, false));
  CHECK(attempts(bench).wrong == 2);
  CHECK(attempts(bench).refused == std::vector<std::string>{"aa", "bb"});
  SECTION("success") {
    REQUIRE(begin(bench, "cc"));
    REQUIRE(end(bench, true));
  }
  SECTION("reset") {
    REQUIRE(bench.call([&] { return bench.store().pins().reset("t", someone()); }));
  }
  CHECK(attempts(bench).wrong == 0);
  CHECK(attempts(bench).refused.empty());
  CHECK_FALSE(attempts(bench).open);
}

TEST_CASE("an attempt without an outcome stays open over a crash and then counts as wrong", "[ledger]") {
  LedgerBench bench;
  REQUIRE(begin(bench, "aa"));
  bench.reopen();
  CHECK(attempts(bench).open);
  CHECK(attempts(bench).wrong == 0);  // the open one is told apart
  REQUIRE(begin(bench, "bb"));
  CHECK(attempts(bench).wrong == 1);
  CHECK(attempts(bench).refused == std::vector<std::string>{"aa"});
  CHECK(attempts(bench).pending == "bb");
  REQUIRE(end(bench, true));
  CHECK(end(bench, true).error().name == ErrorName::NotFound);
}

TEST_CASE("PIN attempts are recorded without their value", "[ledger]") {
  LedgerBench bench;
  REQUIRE(begin(bench, "feedfacefeedface"));
  REQUIRE(end(bench, false));
  REQUIRE(bench.call([&] { return bench.store().pins().reset("t", someone()); }));
  const auto rows = bench.records();
  REQUIRE(rows.size() == 3);
  CHECK(boost::json::parse(rows[0].statement).at("kind") == "pin.attempt");
  CHECK(boost::json::parse(rows[1].statement).at("body").at("result") == "refused");
  CHECK(boost::json::parse(rows[2].statement).at("uid") == 1000);
  for (const RecordRow& row : rows) CHECK(row.statement.find("feedface") == std::string::npos);
  CHECK(read_raw(bench, 1).detail.find("feedface") == std::string::npos);
}

}  // namespace
}  // namespace signet::test
