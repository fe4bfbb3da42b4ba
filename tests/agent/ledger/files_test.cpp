// The ledger's file: made whole or not at all, private, checked when it is opened.
#include <sqlite3.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <vector>

#include "agent/ledger/ledger_files.h"
#include "agent/ledger/schema.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;

void execute(const fs::path& file, const char* sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
  REQUIRE(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
}

Error open_error(const fs::path& directory) {
  const auto opened = LedgerStore::open(directory, {});
  REQUIRE_FALSE(opened);
  return opened.error();
}

std::string why(const Error& error) {
  CHECK(error.name == ErrorName::LedgerUnavailable);
  return string_parameter(error, "why");
}

TEST_CASE("a ledger is created once, private, with an id of its own", "[ledger]") {
  ScratchDir scratch;
  CHECK(open_error(scratch.path()).name == ErrorName::NotInitialised);
  std::string id;
  {
    const auto created = LedgerStore::create(scratch.path(), {});
    REQUIRE(created);
    id = (*created)->summary().id;
    struct stat status {};
    REQUIRE(stat(ledger_file(scratch.path()).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK_FALSE(fs::exists(unfinished_ledger_file(scratch.path())));
  }
  CHECK(id.size() == 64);
  CHECK(LedgerStore::create(scratch.path(), {}).error().name == ErrorName::AlreadyExists);
  CHECK(LedgerStore::open(scratch.path(), {}).value()->summary().id == id);
  ScratchDir other;
  CHECK(LedgerStore::create(other.path(), {}).value()->summary().id != id);
}

TEST_CASE("what a crash left of creating does not stand in the way", "[ledger]") {
  ScratchDir scratch;
  std::ofstream(unfinished_ledger_file(scratch.path())) << "half a ledger";
  CHECK(open_error(scratch.path()).name == ErrorName::NotInitialised);
  REQUIRE(LedgerStore::create(scratch.path(), {}));
  // Published, but the crash came before the first name was removed.
  fs::create_hard_link(ledger_file(scratch.path()), unfinished_ledger_file(scratch.path()));
  REQUIRE(LedgerStore::open(scratch.path(), {}));
  CHECK_FALSE(fs::exists(unfinished_ledger_file(scratch.path())));
}

TEST_CASE("a log without its database is neither opened nor written over", "[ledger]") {
  ScratchDir scratch;
  std::ofstream(scratch.path() / "ledger.db-wal") << "frames";
  CHECK(why(open_error(scratch.path())) == "corrupt");
  CHECK(LedgerStore::create(scratch.path(), {}).error().name == ErrorName::AlreadyExists);
}

TEST_CASE("a directory that is not there is named", "[ledger]") {
  ScratchDir scratch;
  const auto created = LedgerStore::create(scratch.path() / "nowhere", {});
  REQUIRE_FALSE(created);
  CHECK(created.error().message.find("nowhere") != std::string::npos);
}

TEST_CASE("a ledger that others may touch, or that is no file, is refused", "[ledger]") {
  LedgerBench bench;
  bench.close();
  REQUIRE(chmod(ledger_file(bench.directory()).c_str(), 0640) == 0);
  CHECK(why(open_error(bench.directory())) == "permissions");
  fs::rename(ledger_file(bench.directory()), bench.directory() / "elsewhere.db");
  fs::create_symlink(bench.directory() / "elsewhere.db", ledger_file(bench.directory()));
  CHECK(why(open_error(bench.directory())) == "not-a-ledger");
}

TEST_CASE("a ledger of a newer program is left alone", "[ledger]") {
  LedgerBench bench;
  bench.close();
  const std::string newer = std::to_string(ledger_migrations().back().version + 1);
  execute(ledger_file(bench.directory()), ("PRAGMA user_version = " + newer).c_str());
  const Error error = open_error(bench.directory());
  CHECK(why(error) == "newer-version");
  CHECK(error.message.find("version " + newer) != std::string::npos);
}

TEST_CASE("another program's database is left alone", "[ledger]") {
  ScratchDir scratch;
  execute(ledger_file(scratch.path()), "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  chmod(ledger_file(scratch.path()).c_str(), 0600);
  CHECK(why(open_error(scratch.path())) == "not-a-ledger");
  execute(ledger_file(scratch.path()), "SELECT x FROM theirs");
}

// A ledger that was emptied must not start anew: it would have forgotten every release.
TEST_CASE("an empty file is no ledger", "[ledger]") {
  LedgerBench bench;
  bench.close();
  fs::resize_file(ledger_file(bench.directory()), 0);
  CHECK(why(open_error(bench.directory())) == "not-a-ledger");
}

TEST_CASE("what is no database at all is refused", "[ledger]") {
  ScratchDir scratch;
  std::ofstream(ledger_file(scratch.path())) << std::string(8192, 'x');
  chmod(ledger_file(scratch.path()).c_str(), 0600);
  CHECK(why(open_error(scratch.path())) == "corrupt");
}

TEST_CASE("another program that writes is waited for, then named", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(ledger_file(bench.directory()).c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
  CHECK(why(bench.reserve(make_request("a", "targets", 2, "two")).error()) == "locked");
  REQUIRE(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr) == SQLITE_OK);
  REQUIRE(bench.sign(make_request("a", "targets", 2, "two")));
  sqlite3_close(other);
}

// What docs/ledger.md tells people to do: sqlite3 ledger.db ".backup copy".
TEST_CASE("a backup is taken while the ledger is in use", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.sign(make_request("a", "targets", 2, "two")));
  ScratchDir scratch;
  sqlite3* other = nullptr;
  sqlite3* copy = nullptr;
  REQUIRE(sqlite3_open(ledger_file(bench.directory()).c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_open(ledger_file(scratch.path()).c_str(), &copy) == SQLITE_OK);
  sqlite3_backup* backup = sqlite3_backup_init(copy, "main", other, "main");
  REQUIRE(backup != nullptr);
  CHECK(sqlite3_backup_step(backup, 1) == SQLITE_OK);  // in the middle of it
  REQUIRE(bench.sign(make_request("b", "snapshot", 2, "two", {"k2"})));
  CHECK(sqlite3_backup_step(backup, -1) == SQLITE_DONE);
  CHECK(sqlite3_backup_finish(backup) == SQLITE_OK);
  sqlite3_close(other);
  sqlite3_close(copy);
  REQUIRE(chmod(ledger_file(scratch.path()).c_str(), 0600) == 0);
  const auto restored = LedgerStore::open(scratch.path(), {});
  REQUIRE(restored);
  CHECK((*restored)->summary().id == bench.store().summary().id);
  CHECK((*restored)->summary().records >= 7);
}

TEST_CASE("damage is found when the ledger is opened", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  for (int version = 1; version < 60; ++version)
    REQUIRE(bench.sign(make_request("a", "targets", version, "payload " + std::to_string(version))));
  bench.close();
  const fs::path file = ledger_file(bench.directory());
  SECTION("a page is overwritten") {
    const auto size = static_cast<std::streamoff>(fs::file_size(file));
    for (std::streamoff offset = 4096; offset < size; offset += 4096) {
      std::fstream page(file, std::ios::in | std::ios::out | std::ios::binary);
      page.seekp(offset);
      page << std::string(2048, '\x5a');
    }
    CHECK(why(open_error(bench.directory())) == "corrupt");
  }
  SECTION("the file is cut short") {
    fs::resize_file(file, fs::file_size(file) / 2);
    CHECK(why(open_error(bench.directory())) == "corrupt");
  }
  SECTION("a record is gone") {
    execute(file, "DROP TRIGGER records_never_go; DELETE FROM records WHERE sequence = 3");
    CHECK(why(open_error(bench.directory())) == "corrupt");
  }
  SECTION("a row refers to nothing") {
    execute(file, "DELETE FROM roles WHERE name = 'targets'");
    CHECK(why(open_error(bench.directory())) == "corrupt");
  }
}

// The next schema version will come: the way there is tested now.
TEST_CASE("migrations are applied in order, once, and noted", "[ledger]") {
  LedgerBench bench;
  bench.close();
  Database database(ledger_file(bench.directory()), nullptr);
  const std::int64_t present = ledger_migrations().back().version;
  std::vector<Migration> next(ledger_migrations().begin(), ledger_migrations().end());
  next.push_back({present + 1, "CREATE TABLE second (x) STRICT"});
  // STRICT tables want typed columns: this one fails and leaves nothing behind.
  CHECK_FALSE(migrate(database, next, "2027-01-01T00:00:00Z"));
  const auto version = [&] {
    Query row(database, "PRAGMA user_version");
    REQUIRE(row.next());
    return row.integer(0);
  };
  CHECK(version() == present);
  std::vector<Migration> good(ledger_migrations().begin(), ledger_migrations().end());
  good.push_back({present + 1, "CREATE TABLE second (x INTEGER) STRICT"});
  good.push_back({present + 2, "ALTER TABLE second ADD COLUMN y TEXT"});
  REQUIRE(migrate(database, good, "2027-01-01T00:00:00Z"));
  CHECK(version() == present + 2);
  REQUIRE(migrate(database, good, "2027-01-01T00:00:00Z"));
  Query rows(database, "SELECT count(*), max(applied) FROM migrations");
  REQUIRE(rows.next());
  CHECK(rows.integer(0) == present + 2);
  CHECK(rows.text(1) == "2027-01-01T00:00:00Z");
}

}  // namespace
}  // namespace signet::test
