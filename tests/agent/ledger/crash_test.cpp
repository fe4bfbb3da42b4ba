// kill -9 at random moments, many times: while a ledger is made, opened, written.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>

#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/agent/ledger/witness.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

// Starts the worker, kills it after `life`, and returns its wait status.
int live_and_die(const std::filesystem::path& directory, unsigned seed, std::chrono::microseconds life) {
  std::string program = SIGNET_CRASH_WORKER;
  std::string place = directory.string(), number = std::to_string(seed),
              facts = directory.string() + "/facts";
  char* words[]{program.data(), place.data(), number.data(), facts.data(), nullptr};
  pid_t child = 0;
  REQUIRE(posix_spawn(&child, program.c_str(), nullptr, nullptr, words, environ) == 0);
  usleep(static_cast<useconds_t>(life.count()));
  kill(child, SIGKILL);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

// $SIGNET_SEED makes another run of it. The kernel's timing is part of each run: no seed repeats one exactly.
unsigned seed_of_run() {
  const char* seed = std::getenv("SIGNET_SEED");
  return seed ? static_cast<unsigned>(std::strtoul(seed, nullptr, 10)) : 20261121;
}

void require_killed(int status) {
  INFO("exit " << (WIFEXITED(status) ? WEXITSTATUS(status) : -1));
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("a ledger killed while it works keeps every promise", "[ledger][crash]") {
  constexpr unsigned kKills = 200;
  constexpr unsigned kMostKills =
      1000;  // a slow machine (a sanitizer) may need more of them to have seen enough
  ScratchDir scratch;
  std::mt19937 random(seed_of_run());
  std::int64_t crashed = 0;
  std::size_t facts = 0;
  unsigned longest = 60'000;  // microseconds
  Findings findings;
  for (unsigned round = 0; round < kKills || ((facts <= 200 || crashed <= 20) && round < kMostKills);
       ++round) {
    INFO("round " << round);
    // Where most lives end before they did anything, they get longer.
    if (round % 20 == 19 && facts < round && longest < 1'000'000) longest *= 2;
    const int status = live_and_die(scratch.path(), round, std::chrono::microseconds(random() % longest));
    require_killed(status);
    if (!std::filesystem::exists(scratch.path() / "ledger.db")) continue;
    const auto seen = read_sightings(scratch.path() / "facts");
    facts = seen.size();
    findings = examine(scratch.path(), seen);
    REQUIRE(findings.broken == std::vector<std::string>{});
    crashed = findings.crashed_intents;
  }
  INFO(findings.records << " records, " << facts << " facts, " << crashed << " intents cut off");
  // The kills must have hit work, or this test shows nothing.
  CHECK(facts > 200);
  CHECK(crashed > 20);
}

TEST_CASE("a ledger killed while it is made is there or not", "[ledger][crash]") {
  constexpr unsigned kKills = 60;
  std::mt19937 random(seed_of_run());
  unsigned there = 0;
  for (unsigned round = 0; round < kKills; ++round) {
    ScratchDir scratch;
    INFO("round " << round);
    // From at once to, on any machine, long enough.
    const unsigned longest = 40'000U << (round / 15);
    require_killed(live_and_die(scratch.path(), round, std::chrono::microseconds(random() % longest)));
    if (LedgerStore::open(scratch.path(), {})) {
      ++there;
    } else {
      // The next "signet init" makes it.
      REQUIRE(LedgerStore::create(scratch.path(), {}));
    }
  }
  CHECK(there > 0);
  CHECK(there < kKills);
}

}  // namespace
}  // namespace signet::test
