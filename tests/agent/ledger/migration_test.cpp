// Ledgers that earlier programs left (data/README.md), opened by this one: everything in them is still true,
// and a power cut at any step of the way leaves the one or the other.
#include <sys/stat.h>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "agent/ledger/ledger_files.h"
#include "agent/ledger/schema.h"
#include "tests/agent/ledger/faulty_disk.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/build_paths.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;

constexpr int kFixtures[]{1, 5, 6};
constexpr std::int64_t kFixtureRecords = 28;
constexpr const char* kTime = "2027-01-01T00:00:00Z";

fs::path fixture(int version) {
  return fs::path(source_dir()) / "tests/agent/ledger/data" / ("ledger-" + std::to_string(version) + ".db");
}

void copy_fixture(int version, const fs::path& directory) {
  fs::copy_file(fixture(version), ledger_file(directory), fs::copy_options::overwrite_existing);
  REQUIRE(chmod(ledger_file(directory).c_str(), 0600) == 0);
}

// Columns of a table, and its rows as text. `columns` empty: all that there are.
struct Rows {
  std::vector<std::string> columns;
  std::multiset<std::string> rows;
};

// The database caches statements by the address of their text: this keeps each text for good.
std::string_view kept(std::string sql) {
  static std::set<std::string> texts;
  return *texts.insert(std::move(sql)).first;
}

Rows rows_of(Database& database, const std::string& table, std::vector<std::string> columns) {
  Rows found;
  if (columns.empty())
    for (Query row(database, "SELECT name FROM pragma_table_info(?1)", table); row.next();)
      columns.push_back(row.text(0));
  std::string sql = "SELECT ''";
  for (const std::string& column : columns) sql += " || quote(" + column + ") || '|'";
  for (Query row(database, kept(sql + " FROM " + table)); row.next();) found.rows.insert(row.text(0));
  found.columns = std::move(columns);
  REQUIRE_FALSE(database.fault());
  return found;
}

std::map<std::string, Rows> all_rows(const fs::path& file) {
  Database database(file, nullptr);
  std::vector<std::string> tables;
  for (Query row(database,
                 "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
       row.next();)
    tables.push_back(row.text(0));
  std::map<std::string, Rows> found;
  for (const std::string& table : tables) found.emplace(table, rows_of(database, table, {}));
  return found;
}

std::int64_t schema_version(Database& database) {
  Query row(database, "PRAGMA user_version");
  REQUIRE(row.next());
  return row.integer(0);
}

// Every row that was there, with its columns of then.
void check_nothing_lost(const std::map<std::string, Rows>& before, Database& database) {
  for (const auto& [table, rows] : before) {
    INFO("table " << table);
    const Rows now = rows_of(database, table, rows.columns);
    for (const std::string& row : rows.rows) CHECK(now.rows.count(row) >= rows.rows.count(row));
    if (table != "migrations") CHECK(now.rows.size() == rows.rows.size());
  }
}

TEST_CASE("a migration loses no row of an earlier ledger", "[ledger][migration]") {
  for (const int version : kFixtures) {
    INFO("fixture " << version);
    ScratchDir scratch;
    copy_fixture(version, scratch.path());
    const auto before = all_rows(ledger_file(scratch.path()));
    CHECK(before.at("records").rows.size() == kFixtureRecords);
    CHECK(before.size() >= 15);
    Database database(ledger_file(scratch.path()), nullptr);
    REQUIRE(migrate(database, ledger_migrations(), kTime));
    check_nothing_lost(before, database);
    REQUIRE(check_soundness(database));
    CHECK(schema_version(database) == ledger_migrations().back().version);
  }
}

// A store on a fixture, each call committed.
class Migrated {
 public:
  Migrated(int version, const fs::path& directory) {
    copy_fixture(version, directory);
    store_ = LedgerStore::open(directory, {}).value();
  }
  template <typename Call>
  auto call(Call&& work) -> decltype(work()) {
    store_->begin_group(true).value();
    auto result = store_->run(true, work);
    store_->commit_group().value();
    return result;
  }
  LedgerStore& store() { return *store_; }
  Result<Reservation> reserve(const ReserveRequest& request) {
    return call([&] { return store_->reservations().reserve(request); });
  }
  std::string reason(const ReserveRequest& request) {
    const auto refused = reserve(request);
    if (refused) return "accepted";
    const Error error = refused.error();
    const std::string reason = string_parameter(error, "reason");
    return reason.empty() ? std::string(short_name(error.name)) + " " + string_parameter(error, "why")
                          : reason;
  }

 private:
  std::unique_ptr<LedgerStore> store_;
};

// The refusals are those of the rules in docs/ledger.md.
TEST_CASE("an earlier ledger still keeps its promises", "[ledger][migration]") {
  for (const int version : kFixtures) {
    INFO("fixture " << version);
    ScratchDir scratch;
    Migrated ledger(version, scratch.path());
    // What was released is conflicted with, remembered, or superseded; what was observed stands.
    CHECK(ledger.reason(make_request("a", "targets", 1, "another one")) == "other_bytes");
    CHECK(ledger.reason(make_request("a", "targets", 2, "two")) == "other_bytes");
    const auto again = ledger.call(
        [&] { return ledger.store().reservations().check(make_request("a", "targets", 2, "two, better")); });
    REQUIRE(again);
    CHECK(again->released_before);
    CHECK(again->signatures.size() == 1);
    CHECK(ledger.reason(make_request("b", "targets", 7, "other", {"k3"})) == "other_bytes");
    // Root 2 restarted the role: its marks begin anew, its key's own do not.
    CHECK(ledger.reason(make_request("a", "snapshot", 4, "fresh bytes", {"k2"})) == "accepted");
    CHECK(ledger.reason(make_request("a", "snapshot", 4, "fresh bytes", {"k1"})) == "key_used");
    CHECK(ledger.reason(make_request("a", "targets", 3, "x", {"gone"})) == "KeyRefused retired");
    CHECK(ledger.reason(make_request("b", "root", 1, "x", {"nobody"})) == "NotFound ");
    // One wrong PIN, and one whose outcome nobody saw.
    const PinAttempts pins =
        ledger.call([&]() -> Result<PinAttempts> { return ledger.store().pins().attempts("token 1"); })
            .value();
    CHECK(pins.open);
    CHECK(pins.wrong == 1);
    CHECK(pins.refused == std::vector<std::string>{"00ff"});
    CHECK(pins.pending == "11ee");
    const LedgerRepository a = ledger.call([&] { return ledger.store().repositories().find("a"); }).value();
    CHECK(a.root->version == 2);
  }
}

TEST_CASE("an earlier ledger's open intent is closed, and its records are read", "[ledger][migration]") {
  for (const int version : kFixtures) {
    INFO("fixture " << version);
    ScratchDir scratch;
    Migrated ledger(version, scratch.path());
    const auto rows =
        ledger
            .call([&]() -> Result<std::vector<RecordRow>> { return ledger.store().records().read(1, 1000); })
            .value();
    REQUIRE(rows.size() > static_cast<std::size_t>(kFixtureRecords));
    std::int64_t sequence = 0;
    for (const RecordRow& row : rows) CHECK(row.sequence == ++sequence);
    const auto closed = boost::json::parse(rows[kFixtureRecords].statement).as_object();
    CHECK(text_of(closed.at("kind")) == "sign.outcome");
    CHECK(closed.at("body").at("intent").as_int64() == kFixtureRecords);
  }
}

// The power goes at each operation on the disk, until one open goes through. What is then on the disk is
// opened by a healthy program, and held against the fixture.
TEST_CASE("a power cut at any step of a migration loses nothing", "[ledger][migration]") {
  for (const int version : kFixtures) {
    const auto before = all_rows(fixture(version));
    for (unsigned seed = 1; seed <= 3; ++seed) {
      std::mt19937 random(seed);
      bool through = false;
      std::int64_t operation = 0;
      for (; !through; ++operation) {
        INFO("fixture " << version << ", seed " << seed << ", operation " << operation);
        ScratchDir scratch;
        copy_fixture(version, scratch.path());
        FaultyDisk disk;
        LedgerOptions options;
        options.vfs = disk.name();
        disk.cut_power(operation);
        through = LedgerStore::open(scratch.path(), options).has_value() && !disk.is_off();
        disk.power_on(random);
        REQUIRE(LedgerStore::open(scratch.path(), {}));
        Database database(ledger_file(scratch.path()), nullptr);
        const Rows records = rows_of(database, "records", before.at("records").columns);
        for (const std::string& row : before.at("records").rows) REQUIRE(records.rows.contains(row));
        CHECK(records.rows.size() == static_cast<std::size_t>(kFixtureRecords) + 1);
        for (const char* table : {"ledger", "keys", "version_marks", "key_marks", "pin_refused", "roots"})
          CHECK(rows_of(database, table, before.at(table).columns).rows == before.at(table).rows);
      }
      CHECK(operation > 5);  // the sweep swept something
    }
  }
}

// The same for steps that are still to come: each is there whole, with its version and its note, or not at
// all.
TEST_CASE("a step of a migration is taken whole or not at all", "[ledger][migration]") {
  const std::int64_t newest = ledger_migrations().back().version;
  std::vector<Migration> coming(ledger_migrations().begin(), ledger_migrations().end());
  coming.push_back(
      {newest + 1, "CREATE TABLE coming (x INTEGER) STRICT; INSERT INTO coming VALUES (1), (2)"});
  coming.push_back({newest + 2, "ALTER TABLE coming ADD COLUMN y INTEGER; UPDATE coming SET y = x"});
  std::set<std::int64_t> seen;
  bool through = false;
  for (std::int64_t operation = 0; !through; ++operation) {
    INFO("operation " << operation);
    ScratchDir scratch;
    copy_fixture(1, scratch.path());
    FaultyDisk disk;
    std::mt19937 random(static_cast<unsigned>(operation));
    disk.cut_power(operation);
    {
      Database database(ledger_file(scratch.path()), disk.name());
      through = migrate(database, coming, kTime).has_value();
    }
    disk.power_on(random);
    Database database(ledger_file(scratch.path()), nullptr);
    const std::int64_t version = schema_version(database);
    seen.insert(version);
    const Rows notes = rows_of(database, "migrations", {"version"});
    CHECK(notes.rows.size() == static_cast<std::size_t>(version));
    if (version > newest) CHECK(rows_of(database, "coming", {"x"}).rows.size() == 2);
    REQUIRE(migrate(database, coming, kTime));
    CHECK(rows_of(database, "coming", {"y"}).rows == std::multiset<std::string>{"1|", "2|"});
  }
  CHECK(seen.size() >= 3);
}

std::string content(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

TEST_CASE("a ledger of a newer schema is refused and not touched", "[ledger][migration]") {
  ScratchDir scratch;
  copy_fixture(1, scratch.path());
  {
    Database database(ledger_file(scratch.path()), nullptr);
    database.execute("PRAGMA journal_mode = DELETE; PRAGMA user_version = 1000");
    REQUIRE_FALSE(database.fault());
  }
  const std::string before = content(ledger_file(scratch.path()));
  const auto refused = LedgerStore::open(scratch.path(), {});
  REQUIRE_FALSE(refused);
  CHECK(string_parameter(refused.error(), "why") == "newer-version");
  CHECK(refused.error().message.find("1000") != std::string::npos);
  CHECK(content(ledger_file(scratch.path())) == before);
}

}  // namespace
}  // namespace signet::test
