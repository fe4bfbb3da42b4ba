// Disks that are full, read-only, broken, or lose their power: what the ledger says, what it keeps, and that
// it goes on when the cause is gone.
#include <catch2/catch.hpp>

#include "tests/agent/ledger/faulty_disk.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/agent/ledger/witness.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

LedgerOptions on(const FaultyDisk& disk) {
  LedgerOptions options;
  options.vfs = disk.name();
  return options;
}

struct Expected {
  DiskFault fault;
  const char* why;
};
constexpr Expected kFaults[]{{DiskFault::Full, "full"},
                             {DiskFault::ReadOnly, "read-only"},
                             {DiskFault::WriteError, "io"},
                             {DiskFault::SyncError, "io"}};

Sighting left(const ReserveRequest& request) {
  Sighting sighting;
  sighting.repository = request.repository;
  sighting.role = request.role;
  sighting.version = request.version;
  sighting.digest = request.digest;
  sighting.fingerprints = request.fingerprints;
  return sighting;
}

Sighting saw(const std::string& repository, const ObservedMetadata& metadata) {
  Sighting sighting;
  sighting.kind = Sighting::Kind::Observed;
  sighting.repository = repository;
  sighting.role = metadata.role;
  sighting.version = metadata.version;
  sighting.digest = metadata.digest;
  return sighting;
}

// A day of a ledger's life. Each step is believed only if the ledger said so.
struct Script {
  LedgerBench& bench;
  std::vector<Sighting> seen;
  std::vector<Error> errors;

  void sign(const ReserveRequest& request) {
    const auto signed_now = bench.sign(request);
    if (signed_now)
      seen.push_back(left(request));
    else
      errors.push_back(signed_now.error());
  }
  void observe(const ObservedMetadata& metadata) {
    const auto observed = bench.observe("a", metadata);
    if (observed)
      seen.push_back(saw("a", metadata));
    else
      errors.push_back(observed.error());
  }
  void run() {
    sign(make_request("a", "targets", 2, "two"));
    sign(make_request("a", "targets", 3, std::string(20000, 'x')));
    observe(make_observed("snapshot", 4, "four"));
    auto better = make_request("a", "targets", 3, "better");
    better.supersede = true;
    sign(better);
  }
};

// Every single operation on the disk fails once, in turn; then again with all that follow until the disk is
// mended.
TEST_CASE("a fault at any operation fails the call, loses nothing, and passes", "[ledger][faults]") {
  for (const Expected& expected : kFaults) {
    for (const std::int64_t times : {1, 1000000}) {
      std::int64_t operation = 0;
      for (bool struck = true; struck; ++operation) {
        INFO(expected.why << ", " << times << " from operation " << operation);
        FaultyDisk disk;
        LedgerBench bench(on(disk));
        bench.populate();
        Script script{bench, {}, {}};
        disk.fail(expected.fault, operation, times);
        script.run();
        struck = disk.faults() > 0;
        CHECK(struck == !script.errors.empty());
        for (const Error& error : script.errors) {
          // A later step may find what an earlier one left undone; never anything else.
          if (error.name != ErrorName::LedgerUnavailable) continue;
          CHECK(string_parameter(error, "why") == expected.why);
        }
        disk.heal();
        const auto after = make_request("a", "targets", 9, "nine");
        REQUIRE(bench.sign(after));
        script.seen.push_back(left(after));
        bench.close();
        CHECK(examine(bench.directory(), script.seen, on(disk)).broken == std::vector<std::string>{});
      }
      CHECK(operation > 5);  // the sweep swept something
    }
  }
}

TEST_CASE("a finish that cannot be written withholds and leaves nobody stuck", "[ledger][faults]") {
  FaultyDisk disk;
  LedgerBench bench(on(disk));
  bench.populate();
  const auto reservation = bench.reserve(make_request("a", "targets", 2, "one"));
  REQUIRE(reservation);
  disk.fail(DiskFault::Full, 0, 1000000);
  const auto finished = bench.finish(reservation->id, {signed_by("k1")});
  CHECK(finished.error().name == ErrorName::LedgerUnavailable);
  CHECK(bench.reserve(make_request("a", "targets", 2, "two")).error().name == ErrorName::LedgerUnavailable);
  disk.heal();
  REQUIRE(bench.sign(make_request("a", "targets", 2, "two")));
  std::size_t unwritten = 0;
  for (const RecordRow& row : bench.records())
    if (row.statement.find("could not be written; nothing left") != std::string::npos) ++unwritten;
  CHECK(unwritten == 1);
}

TEST_CASE("a reserve that cannot be written is not in flight", "[ledger][faults]") {
  FaultyDisk disk;
  LedgerBench bench(on(disk));
  bench.populate();
  disk.fail(DiskFault::SyncError, 0, 1);
  CHECK(bench.reserve(make_request("a", "targets", 2, "one")).error().name == ErrorName::LedgerUnavailable);
  REQUIRE(bench.sign(make_request("a", "targets", 2, "two")));
}

TEST_CASE("a full disk can still be read", "[ledger][faults]") {
  FaultyDisk disk;
  LedgerBench bench(on(disk));
  bench.populate();
  disk.fail(DiskFault::Full, 0, 1000000);
  REQUIRE(bench.store().begin_group(false));
  const auto keys = bench.store().run(
      false, [&]() -> Result<std::vector<LedgerKey>> { return bench.store().keys().all(); });
  REQUIRE(bench.store().commit_group());
  CHECK(keys->size() == 3);
}

// A bug of ours that breaks a constraint must not take others' calls with it.
TEST_CASE("a call that breaks a constraint is undone alone", "[ledger][faults]") {
  LedgerBench bench;
  bench.populate();
  LedgerStore& store = bench.store();
  REQUIRE(store.begin_group(true));
  const auto first =
      store.run(true, [&] { return store.reservations().reserve(make_request("a", "targets", 2, "x")); });
  // 'nonsense' is no type of the schema.
  auto nonsense = make_request("b", "targets", 2, "y", {"k2"});
  nonsense.type = "nonsense";
  const auto second = store.run(true, [&] { return store.reservations().reserve(nonsense); });
  const auto third =
      store.run(true, [&] { return store.reservations().reserve(make_request("b", "snapshot", 2, "z")); });
  REQUIRE(store.commit_group());
  REQUIRE(first);
  CHECK(string_parameter(second.error(), "why") == "bug");
  REQUIRE(third);
  CHECK(third->id == first->id + 1);  // the second one's record is gone with it
  REQUIRE(bench.finish(first->id, {signed_by("k1")}));
  REQUIRE(bench.finish(third->id, {signed_by("k1")}));
}

// Groups of calls, as the writer makes them; the power goes at a random operation; the disk keeps what was
// synced and a random part of the rest.
class PowerCutRun {
 public:
  explicit PowerCutRun(unsigned seed) : random_(seed), bench_(on(disk_)) { bench_.populate(); }

  void live_until_cut() {
    disk_.cut_power(static_cast<std::int64_t>(random_() % 500));
    while (!disk_.is_off()) one_group();
    bench_.close();
    disk_.power_on(random_);
    findings_ = examine(bench_.directory(), seen_, on(disk_));
    if (findings_.broken.empty()) bench_.reopen();
  }
  const Findings& findings() const { return findings_; }
  std::size_t seen() const { return seen_.size(); }

 private:
  ReserveRequest any_request() {
    const std::int64_t version = newest_ + static_cast<std::int64_t>(random_() % 2);
    newest_ = version;
    auto request = make_request("a", "targets", version, "variant " + std::to_string(random_() % 3));
    // Large ones bring the log to its checkpoint.
    if (random_() % 8 == 0) request.payload += std::string(400'000, 'x');
    request.digest = digest_of(request.payload);
    request.supersede = random_() % 5 == 0;
    return request;
  }

  void one_group() {
    LedgerStore& store = bench_.store();
    std::vector<std::pair<ReserveRequest, Result<Reservation>>> reserved;
    if (!store.begin_group(true)) return;
    for (unsigned calls = 1 + random_() % 4; calls > 0; --calls) {
      const ReserveRequest request = any_request();
      reserved.emplace_back(request, store.run(true, [&] { return store.reservations().reserve(request); }));
    }
    if (!store.commit_group()) return;
    std::vector<std::pair<ReserveRequest, Result<std::int64_t>>> finished;
    if (!store.begin_group(true)) return;
    for (const auto& [request, reservation] : reserved) {
      if (!reservation) continue;
      const KeyOutcome outcome = random_() % 5 == 0 ? failed_by("k1") : signed_by("k1");
      auto done = store.run(true, [&] { return store.reservations().finish(reservation->id, {outcome}); });
      if (outcome.signature) finished.emplace_back(request, std::move(done));
    }
    if (!store.commit_group()) return;
    for (const auto& [request, done] : finished)
      if (done) seen_.push_back(left(request));
  }

  std::mt19937 random_;
  FaultyDisk disk_;
  LedgerBench bench_;
  std::int64_t newest_ = 2;
  std::vector<Sighting> seen_;
  Findings findings_;
};

TEST_CASE("a power cut at any moment loses nothing that was acknowledged", "[ledger][faults]") {
  std::size_t seen = 0;
  std::int64_t crashed = 0;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    PowerCutRun run(seed);
    for (int cut = 1; cut <= 15; ++cut) {
      INFO("seed " << seed << ", cut " << cut);
      run.live_until_cut();
      REQUIRE(run.findings().broken == std::vector<std::string>{});
    }
    seen += run.seen();
    crashed += run.findings().crashed_intents;
  }
  CHECK(seen > 1000);
  CHECK(crashed > 50);
}

}  // namespace
}  // namespace signet::test
