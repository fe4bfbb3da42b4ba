// Backups: taken under load, never in somebody's place, put back into quarantine, and what a crash leaves.
#include <sys/stat.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "agent/ledger/ledger_backup.h"
#include "agent/ledger/ledger_files.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;

std::string why(const Error& error) {
  return string_parameter(error, "why");
}

// A ledger of two versions, backed up after the first, and closed.
struct Restorable {
  Restorable() : backup(elsewhere / "backup.db") {
    bench.populate();
    REQUIRE(bench.sign(make_request("a", "targets", 1, "one")));
    REQUIRE(back_up_ledger(bench.directory(), backup));
    REQUIRE(bench.sign(make_request("a", "targets", 2, "two")));
  }
  LedgerBench bench;
  ScratchDir elsewhere;
  fs::path backup;
};

TEST_CASE("a backup is the ledger at one moment, for its owner alone", "[ledger][backup]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.sign(make_request("a", "targets", 1, "one")));
  ScratchDir elsewhere;
  const auto facts = back_up_ledger(bench.directory(), elsewhere / "backup.db");
  REQUIRE(facts);
  CHECK(facts->ledger == bench.store().summary().id);
  CHECK(facts->records == bench.store().summary().records);
  struct stat status {};
  REQUIRE(stat((elsewhere / "backup.db").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(status.st_size == facts->bytes);
  // One file: neither a log nor a draft beside it.
  CHECK(std::distance(fs::directory_iterator(elsewhere.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a backup under load has every record that was there when it began", "[ledger][backup]") {
  LedgerBench bench;
  bench.populate();
  ScratchDir elsewhere;
  std::atomic<bool> over{false};
  std::atomic<int> failures{0}, taken{0};
  std::atomic<std::int64_t> committed{0};
  std::thread backups([&] {
    for (int number = 0; !over || number < 3; ++number) {
      const std::int64_t at_least = committed;
      const auto facts = back_up_ledger(bench.directory(), elsewhere / ("backup-" + std::to_string(number)));
      if (!facts || facts->records < at_least)
        ++failures;
      else
        ++taken;
    }
  });
  int refused = 0;
  for (int version = 1; version <= 300; ++version) {
    if (!bench.sign(make_request("a", "targets", version, std::to_string(version)))) ++refused;
    committed = bench.store().summary().records;
  }
  over = true;
  backups.join();
  CHECK(refused == 0);  // nobody waited for a backup
  CHECK(failures == 0);
  CHECK(taken >= 3);
}

TEST_CASE("a backup replaces nothing, and leaves nothing where it fails", "[ledger][backup]") {
  LedgerBench bench;
  ScratchDir elsewhere;
  std::ofstream(elsewhere / "there") << "mine";
  CHECK(back_up_ledger(bench.directory(), elsewhere / "there").error().name == ErrorName::AlreadyExists);
  fs::create_symlink("nowhere", elsewhere / "link");
  CHECK(back_up_ledger(bench.directory(), elsewhere / "link").error().name == ErrorName::AlreadyExists);
  CHECK(back_up_ledger(bench.directory(), elsewhere / "no/such/place").error().name == ErrorName::FileFault);
  CHECK(back_up_ledger(elsewhere.path(), elsewhere / "x").error().name == ErrorName::NotInitialised);
  std::ifstream there(elsewhere / "there");
  std::string text;
  there >> text;
  CHECK(text == "mine");
  CHECK(std::distance(fs::directory_iterator(elsewhere.path()), fs::directory_iterator()) == 2);
}

TEST_CASE("a restored ledger signs for a role only after it was observed", "[ledger][backup]") {
  Restorable ledger;
  const std::string id = ledger.bench.store().summary().id;
  ledger.bench.close();
  const auto facts = restore_ledger(ledger.bench.directory(), ledger.backup);
  REQUIRE(facts);
  CHECK(facts->ledger == id);
  ledger.bench.reopen();
  // It has forgotten version 2: other bytes for it would be a second truth.
  const auto refused = ledger.bench.reserve(make_request("a", "targets", 2, "other"));
  CHECK(why(refused.error()) == "quarantined");
  CHECK(why(ledger.bench.reserve(make_request("b", "snapshot", 1, "x")).error()) == "quarantined");
  REQUIRE(ledger.bench.observe("a", make_observed("targets", 2, "two")));
  REQUIRE(ledger.bench.sign(make_request("a", "targets", 3, "three")));
  CHECK(ledger.bench.reserve(make_request("a", "targets", 2, "other")).error().name ==
        ErrorName::VersionConflict);
  CHECK(why(ledger.bench.reserve(make_request("b", "snapshot", 1, "x")).error()) == "quarantined");
}

TEST_CASE("what a restore replaces is kept, whole", "[ledger][backup]") {
  Restorable ledger;
  const std::int64_t records = ledger.bench.store().summary().records;
  ledger.bench.close();
  const auto facts = restore_ledger(ledger.bench.directory(), ledger.backup);
  REQUIRE(facts);
  const auto replaced = LedgerStore::open(facts->replaced, {});
  REQUIRE(replaced);
  CHECK((*replaced)->summary().records == records);
  // And a second one in the same second does not replace the first.
  const auto again = restore_ledger(ledger.bench.directory(), ledger.backup);
  REQUIRE(again);
  CHECK(again->replaced != facts->replaced);
}

TEST_CASE("a restore into an empty directory replaces nothing", "[ledger][backup]") {
  Restorable ledger;
  ScratchDir empty;
  const auto facts = restore_ledger(empty.path(), ledger.backup);
  REQUIRE(facts);
  CHECK(facts->replaced.empty());
  CHECK(LedgerStore::open(empty.path(), {}));
}

TEST_CASE("a backup that is not sound changes nothing", "[ledger][backup]") {
  Restorable ledger;
  const std::int64_t records = ledger.bench.store().summary().records;
  ledger.bench.close();
  SECTION("no backup at all") {
    ledger.backup = ledger.elsewhere / "none";
  }
  SECTION("another file") {
    std::ofstream(ledger.backup) << std::string(20000, 'x');
  }
  SECTION("cut short") {
    fs::resize_file(ledger.backup, fs::file_size(ledger.backup) / 2);
  }
  SECTION("a record changed") {
    Database database(ledger.backup, nullptr);
    database.execute("DROP TRIGGER records_never_change; UPDATE records SET time = 'x' WHERE sequence = 3");
    REQUIRE_FALSE(database.fault());
  }
  CHECK_FALSE(restore_ledger(ledger.bench.directory(), ledger.backup));
  CHECK_FALSE(fs::exists(restoring_directory(ledger.bench.directory())));
  ledger.bench.reopen();
  CHECK(ledger.bench.store().summary().records == records);
  REQUIRE(ledger.bench.sign(make_request("a", "targets", 3, "three")));
}

// Each state that a crash can leave on the way: nothing signs, nothing is made anew, and restoring ends it.
TEST_CASE("a restore that was cut short is not taken for a ledger, and is ended by another",
          "[ledger][backup]") {
  Restorable ledger;
  ledger.bench.close();
  const fs::path directory = ledger.bench.directory();
  const fs::path staging = restoring_directory(directory);
  fs::create_directory(staging);
  fs::copy_file(ledger.backup, ledger_file(staging));
  bool old_one_is_whole = false;
  SECTION("while the copy is made") {
    fs::resize_file(ledger_file(staging), 4096);
    old_one_is_whole = true;
  }
  SECTION("before the old one is moved") {
    old_one_is_whole = true;
  }
  SECTION("between the database and its log") {
    fs::remove(ledger_file(directory));
    std::ofstream(directory / "ledger.db-wal") << "log";
  }
  SECTION("after the old one was moved") {
    fs::remove(ledger_file(directory));
  }
  const auto opened = LedgerStore::open(directory, {});
  CHECK(opened.has_value() == old_one_is_whole);
  if (!old_one_is_whole) {
    CHECK(opened.error().name == ErrorName::LedgerUnavailable);
    CHECK_FALSE(LedgerStore::create(directory, {}));
    // Nor after another try that failed.
    CHECK_FALSE(restore_ledger(directory, ledger.elsewhere / "none"));
    CHECK_FALSE(LedgerStore::create(directory, {}));
  }
  REQUIRE(restore_ledger(directory, ledger.backup));
  CHECK_FALSE(fs::exists(staging));
  const auto restored = LedgerStore::open(directory, {});
  REQUIRE(restored);
  CHECK((*restored)->quarantine().present());
}

}  // namespace
}  // namespace signet::test
