// Somebody with an editor for SQLite and the triggers dropped: thousands of random changes, each of which the
// check names. The seed is fixed; the counts are printed.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <set>

#include "agent/ledger/ledger_check.h"
#include "agent/ledger/ledger_files.h"
#include "protocol/checkpoint.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

constexpr std::int64_t kRecords = 75;
using Random = std::mt19937_64;

void append(LedgerBench& bench, int number) {
  const auto appended = bench.call([&] {
    NewRecord record{
        "message.intent", {{"number", number}, {"key", "k" + std::to_string(number % 7)}}, {}, someone()};
    return bench.store().records().append(std::move(record));
  });
  appended.value();
}

KeptCheckpoint checkpoint_of(LedgerBench& bench) {
  const TreeHead head = bench.store().tree_head().value();
  SignedNote note;
  note.text = format_checkpoint({"test", static_cast<std::uint64_t>(head.size), head.root});
  note.signatures.push_back(
      {"test", 1, Bytes(64)});  // the agent's own check does not verify it: an export's does
  return {head.size, head.root, format_signed_note(note)};
}

// A ledger of 75 records with a checkpoint of all of them, closed.
struct Sound {
  Sound() {
    for (int number = 1; number <= kRecords; ++number) append(bench, number);
    const KeptCheckpoint kept = checkpoint_of(bench);
    bench
        .call([&]() -> Result<void> {
          bench.store().checkpoints().keep(kept);
          return {};
        })
        .value();
    bench.close();
  }
  LedgerBench bench;
};

constexpr const char* kDropTriggers =
    "DROP TRIGGER records_never_change; DROP TRIGGER records_never_go;"
    "DROP TRIGGER tree_hashes_never_change; DROP TRIGGER tree_hashes_never_go;"
    "PRAGMA ignore_check_constraints = ON";

std::int64_t any_record(Random& random) {
  return 1 + static_cast<std::int64_t>(random() % kRecords);
}

std::string statement_of(Database& database, std::int64_t sequence) {
  Query row(database, "SELECT statement FROM records WHERE sequence = ?1", sequence);
  return row.next() ? row.text(0) : "";
}

void set_statement(Database& database, std::int64_t sequence, const std::string& statement) {
  run(database, "UPDATE records SET statement = ?2 WHERE sequence = ?1", sequence, statement);
}

// The whole tree anew, as somebody would who knows how it is made.
void rebuild_tree(Database& database) {
  database.execute("DELETE FROM tree_hashes");
  build_tree(database);
}

// Another statement that is as well formed as the one it replaces.
std::string forged(Database& database, std::int64_t sequence) {
  std::string text = statement_of(database, sequence);
  const std::size_t place = text.find("\"number\":") + 9;
  text.insert(place, "9");
  return text;
}

using Names = std::set<std::string>;
struct Tampering {
  std::string name;
  Names findings;  // one of these must be among what is found
  std::function<void(Database&, Random&)> apply;
};

void flip_byte(Database& db, Random& random) {
  const std::int64_t sequence = any_record(random);
  std::string text = statement_of(db, sequence);
  text[random() % text.size()] ^= static_cast<char>(1U << (random() % 7));
  set_statement(db, sequence, text);
}

void change_detail(Database& db, Random& random) {
  if (random() % 2 == 0)
    run(db, "UPDATE records SET detail = '{\"pid\":1}' WHERE sequence = ?1", any_record(random));
  else
    run(db, "UPDATE records SET salt = randomblob(32) WHERE sequence = ?1", any_record(random));
}

void change_column(Database& db, Random& random) {
  if (random() % 2 == 0)
    run(db, "UPDATE records SET kind = 'other' WHERE sequence = ?1", any_record(random));
  else
    run(db, "UPDATE records SET time = '2020-01-01T00:00:00Z' WHERE sequence = ?1", any_record(random));
}

void swap_statements(Database& db, Random& random) {
  const std::int64_t one = any_record(random);
  const std::int64_t other = 1 + (one + static_cast<std::int64_t>(random() % (kRecords - 1))) % kRecords;
  const std::string kept = statement_of(db, one);
  set_statement(db, one, statement_of(db, other));
  set_statement(db, other, kept);
}

void drop_one(Database& db, std::int64_t sequence) {
  run(db, "DELETE FROM records WHERE sequence = ?1", sequence);
}

// And closes the gap: the columns move, the statements cannot.
void drop_and_renumber(Database& db, Random& random) {
  const std::int64_t gone = any_record(random);
  drop_one(db, gone);
  for (std::int64_t sequence = gone + 1; sequence <= kRecords; ++sequence)
    run(db, "UPDATE records SET sequence = ?1 - 1 WHERE sequence = ?1", sequence);
}

void truncate(Database& db, Random& random) {
  run(db, "DELETE FROM records WHERE sequence > ?1", any_record(random) - 1);
}

std::vector<Tampering> tamperings() {
  return {
      {"a byte of a statement", {"record-changed"}, flip_byte},
      {"a statement, well formed",
       {"record-changed"},
       [](Database& db, Random& random) {
         const std::int64_t sequence = any_record(random);
         set_statement(db, sequence, forged(db, sequence));
       }},
      {"a statement and all hashes",
       {"checkpoint-differs"},
       [](Database& db, Random& random) {
         const std::int64_t sequence = any_record(random);
         set_statement(db, sequence, forged(db, sequence));
         rebuild_tree(db);
       }},
      {"a column beside a statement", {"record-columns-differ"}, change_column},
      {"private detail or its salt", {"detail-changed"}, change_detail},
      {"two statements swapped", {"record-out-of-place"}, swap_statements},
      {"two statements swapped, all hashes",
       {"record-out-of-place"},
       [](Database& db, Random& random) {
         swap_statements(db, random);
         rebuild_tree(db);
       }},
      {"a record dropped",
       {"record-missing", "records-truncated"},
       [](Database& db, Random& random) { drop_one(db, any_record(random)); }},
      {"a record dropped, the others moved up",
       {"record-out-of-place", "records-truncated"},
       drop_and_renumber},
      {"a record dropped, moved up, all hashes",
       {"record-out-of-place", "ledger-truncated"},
       [](Database& db, Random& random) {
         drop_and_renumber(db, random);
         rebuild_tree(db);
       }},
      {"the end cut off", {"records-truncated"}, truncate},
      {"the end cut off, all hashes",
       {"ledger-truncated"},
       [](Database& db, Random& random) {
         truncate(db, random);
         rebuild_tree(db);
       }},
      {"a hash of the tree",
       {"record-changed", "tree-changed"},
       [](Database& db, Random& random) {
         const auto nodes = merkle_node_count(static_cast<std::uint64_t>(kRecords));
         run(db, "UPDATE tree_hashes SET hash = randomblob(32) WHERE position = ?1",
             static_cast<std::int64_t>(random() % nodes));
       }},
      {"hashes cut off",
       {"tree-truncated", "tree-changed"},
       [](Database& db, Random& random) {
         const auto nodes = merkle_node_count(static_cast<std::uint64_t>(kRecords));
         run(db, "DELETE FROM tree_hashes WHERE position > ?1",
             static_cast<std::int64_t>(random() % (nodes - 1)));
       }},
      {"the checkpoint's size",
       {"checkpoint-malformed"},
       [](Database& db, Random& random) {
         run(db, "UPDATE checkpoint SET size = ?1", any_record(random) - 1);
       }},
      {"the checkpoint's root",
       {"checkpoint-malformed"},
       [](Database& db, Random&) { run(db, "UPDATE checkpoint SET root = randomblob(32)"); }},
  };
}

Names check(Database& database) {
  std::vector<LedgerFinding> findings;
  LedgerCheck ledger(database);
  std::optional<std::int64_t> next = 1;
  while (next) next = ledger.step(*next, 20, findings);
  REQUIRE_FALSE(database.fault());
  Names names;
  for (const LedgerFinding& finding : findings) {
    if (!finding.warning) names.insert(finding.name);
    if (finding.message.empty() || finding.message.back() != '.') FAIL(finding.message);
  }
  return names;
}

TEST_CASE("random tampering with the database is found, and named", "[ledger][tamper]") {
  Sound sound;
  Database database(ledger_file(sound.bench.directory()), nullptr);
  REQUIRE(check(database).empty());
  database.execute(kDropTriggers);
  Random random(20261122);
  std::size_t tries = 0;
  for (const Tampering& tampering : tamperings()) {
    std::map<std::string, int> counts;
    for (int attempt = 0; attempt < 150; ++attempt, ++tries) {
      database.execute("BEGIN");
      tampering.apply(database, random);
      REQUIRE_FALSE(database.fault());
      const Names found = check(database);
      bool named = false;
      for (const std::string& name : found) {
        ++counts[name];
        named = named || tampering.findings.count(name) != 0;
      }
      database.execute("ROLLBACK");
      if (!named) FAIL(tampering.name << ", attempt " << attempt << ": " << found.size() << " findings");
    }
    std::printf("  %-40s 150 tries, all found:", tampering.name.c_str());
    for (const auto& [name, count] : counts) std::printf(" %s %d", name.c_str(), count);
    std::printf("\n");
  }
  std::printf("tampering with the database: %zu tries, %zu found\n", tries, tries);
  CHECK(check(database).empty());
}

TEST_CASE("a ledger that was tampered with is not opened", "[ledger][tamper]") {
  Random random(7);
  for (const Tampering& tampering : tamperings()) {
    INFO(tampering.name);
    Sound sound;
    {
      Database database(ledger_file(sound.bench.directory()), nullptr);
      database.execute(kDropTriggers);
      tampering.apply(database, random);
      REQUIRE_FALSE(database.fault());
    }
    const auto opened = LedgerStore::open(sound.bench.directory(), {});
    REQUIRE_FALSE(opened);
    CHECK(opened.error().name == ErrorName::LedgerUnavailable);
    const std::string why = string_parameter(opened.error(), "why");
    CHECK((why == "tampered" || why == "corrupt"));
  }
}

TEST_CASE("a clock that was set back is a warning, and the ledger opens", "[ledger][tamper]") {
  std::time_t now = 1795302000;
  LedgerOptions options;
  options.clock = [&now] { return std::chrono::system_clock::from_time_t(now); };
  LedgerBench bench(options);
  append(bench, 1);
  now -= 3600;
  append(bench, 2);
  bench.reopen();
  std::vector<LedgerFinding> findings;
  bench
      .call([&]() -> Result<void> {
        CHECK_FALSE(bench.store().check().step(1, 1000, findings));
        return {};
      })
      .value();
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].name == "time-backwards");
  CHECK(findings[0].warning);
  CHECK(findings[0].sequence == 2);
}

TEST_CASE("a finding flood has an end", "[ledger][tamper]") {
  Sound sound;
  Database database(ledger_file(sound.bench.directory()), nullptr);
  database.execute(kDropTriggers);
  database.execute("UPDATE records SET statement = 'x', detail = 'y'");
  std::vector<LedgerFinding> findings;
  LedgerCheck(database).step(1, 1000, findings);
  CHECK(findings.size() == kMaxLedgerFindings);
}

}  // namespace
}  // namespace signet::test
