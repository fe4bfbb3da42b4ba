// The tree that the ledger keeps is the tree of its records: after appending, after a call that was undone,
// and after a migration from the schema that had none.
#include <sqlite3.h>

#include <catch2/catch.hpp>

#include "agent/ledger/ledger_files.h"
#include "agent/ledger/schema.h"
#include "protocol/merkle.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

MerkleTree tree_of(const std::vector<RecordRow>& rows) {
  MerkleTree tree;
  for (const RecordRow& row : rows) tree.append(merkle_leaf_hash(as_bytes(row.statement)));
  return tree;
}

Result<void> append(LedgerBench& bench, int number) {
  return bench.call([&]() -> Result<void> {
    NewRecord record{"message.intent", {{"number", number}}, {}, someone()};
    const auto appended = bench.store().records().append(std::move(record));
    if (!appended) return appended.error();
    return {};
  });
}

TEST_CASE("the ledger's tree has the roots of its records, of every size", "[ledger][tree]") {
  LedgerBench bench;
  for (int number = 1; number <= 70; ++number) REQUIRE(append(bench, number));
  bench.reopen();
  for (int number = 71; number <= 100; ++number) REQUIRE(append(bench, number));
  const MerkleTree tree = tree_of(bench.records());
  for (std::int64_t size = 0; size <= 100; ++size)
    CHECK(bench.store().tree().root(size).value() == tree.root(static_cast<std::uint64_t>(size)));
  CHECK(bench.store().tree().count() == static_cast<std::int64_t>(merkle_node_count(100)));
}

TEST_CASE("a call that is undone leaves no hash", "[ledger][tree]") {
  LedgerBench bench;
  bench.populate();
  const auto undone = bench.call([&]() -> Result<void> {
    NewRecord record{"message.intent", {}, {}, someone()};
    const auto appended = bench.store().records().append(std::move(record));
    if (!appended) return appended.error();
    // Breaks a constraint: the bug that takes its own call along.
    return bench.store().pins().end("nobody", true);
  });
  CHECK_FALSE(undone);
  REQUIRE(append(bench, 1));
  const auto rows = bench.records();
  CHECK(bench.store().tree().root(static_cast<std::int64_t>(rows.size())).value() == tree_of(rows).root());
}

// A ledger as schema 1 wrote it.
void write_version_1(const std::filesystem::path& directory, int records) {
  std::filesystem::create_directories(directory);
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open(ledger_file(directory).c_str(), &handle) == SQLITE_OK);
  sqlite3_close(handle);
  std::filesystem::permissions(ledger_file(directory), std::filesystem::perms(0600));
  Database database(ledger_file(directory), nullptr);
  REQUIRE(migrate(database, ledger_migrations().first(1), "2026-11-21T23:00:00Z"));
  run(database, "INSERT INTO ledger (one, id, created) VALUES (1, ?1, '2026-11-21T23:00:00Z')",
      std::string(64, 'a'));
  const std::string hash = digest_of(std::string(32, '\0') + "{}");  // of the salt and the detail
  for (int number = 1; number <= records; ++number) {
    const std::string statement = R"({"body":{},"detail":")" + hash + R"(","kind":"old","sequence":)" +
                                  std::to_string(number) + R"(,"time":"2026-11-21T23:00:00Z","uid":1})";
    run(database,
        "INSERT INTO records (sequence, time, kind, statement, salt, detail_hash, detail)"
        " VALUES (?1, '2026-11-21T23:00:00Z', 'old', ?2, ?3, ?4, '{}')",
        std::int64_t{number}, statement, Bytes(32), hash);
  }
  REQUIRE_FALSE(database.fault());
}

TEST_CASE("the records of a ledger of schema 1 are hashed when it is migrated", "[ledger][tree]") {
  for (const int records : {0, 1, 300}) {
    ScratchDir scratch;
    write_version_1(scratch.path(), records);
    const auto store = LedgerStore::open(scratch.path(), {}).value();
    MerkleTree tree;
    store->begin_group(false).value();
    for (const RecordRow& row : store->records().read(1, 1000))
      tree.append(merkle_leaf_hash(as_bytes(row.statement)));
    store->commit_group().value();
    CHECK(tree.size() == static_cast<std::uint64_t>(records));
    CHECK(store->tree().root(records).value() == tree.root());
    CHECK(store->tree().count() == static_cast<std::int64_t>(merkle_node_count(tree.size())));
  }
}

TEST_CASE("hashes never change and never go", "[ledger][tree]") {
  LedgerBench bench;
  REQUIRE(append(bench, 1));
  bench.close();
  Database database(ledger_file(bench.directory()), nullptr);
  SECTION("change") {
    run(database, "UPDATE tree_hashes SET position = 7");
  }
  SECTION("go") {
    run(database, "DELETE FROM tree_hashes");
  }
  REQUIRE(database.fault());
}

}  // namespace
}  // namespace signet::test
