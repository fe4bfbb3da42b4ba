// kill -9 at random moments while uses of tokens are counted: a crash may lose a use, and never gives one
// more.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <utility>
#include <vector>

#include "agent/ledger/ledger_files.h"
#include "agent/ledger/ledger_store.h"
#include "tests/agent/identity/replay_crash.h"
#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

namespace signet::test {
namespace {

int live_and_die(const std::filesystem::path& directory, unsigned seed, std::chrono::microseconds life) {
  std::string program = SIGNET_REPLAY_WORKER, place = directory.string(), number = std::to_string(seed),
              uses = directory.string() + "/uses";
  char* words[]{program.data(), place.data(), number.data(), uses.data(), nullptr};
  pid_t child = 0;
  REQUIRE(posix_spawn(&child, program.c_str(), nullptr, nullptr, words, environ) == 0);
  usleep(static_cast<useconds_t>(life.count()));
  kill(child, SIGKILL);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

// Uses that left the worker, by token.
std::vector<std::int64_t> released(const std::filesystem::path& file) {
  std::vector<std::int64_t> uses(kCrashTokens, 0);
  std::ifstream in(file);
  for (std::uint32_t number = 0; in >> number;) ++uses.at(number);
  return uses;
}

// Uses that the ledger knows, by token. Opens it as a restarted agent does.
std::vector<std::int64_t> counted(const std::filesystem::path& directory) {
  REQUIRE(LedgerStore::open(directory, {}));
  Database database(ledger_file(directory), nullptr);
  std::vector<std::int64_t> uses;
  for (std::uint32_t number = 0; number < kCrashTokens; ++number) {
    Query row(database, "SELECT uses FROM oidc_replay WHERE token_hash = ?1", crash_use(number).token_hash);
    uses.push_back(row.next() ? row.integer(0) : 0);
  }
  REQUIRE_FALSE(database.fault());
  return uses;
}

TEST_CASE("killed while it counts, a token never gets a use more", "[identity][crash]") {
  constexpr unsigned kKills = 150;
  constexpr unsigned kMostKills = 1000;           // a slow machine may need more of them to have seen enough
  const char* seed = std::getenv("SIGNET_SEED");  // another run of it
  std::mt19937 random(seed ? static_cast<unsigned>(std::strtoul(seed, nullptr, 10)) : 20261122);
  const ScratchDir scratch;
  REQUIRE(LedgerStore::create(scratch.path(), {}));
  unsigned longest = 60'000, kills = 0;  // microseconds
  std::int64_t lost = 0, left = 0, most = 0;
  unsigned hits_before = 0;
  unsigned hits = 0;  // kills after which more was released than before
  for (; kills < kKills || ((hits <= 20 || lost == 0 || left <= 1000) && kills < kMostKills); ++kills) {
    INFO("kill " << kills);
    // Where most lives end before they did anything, they get longer.
    if (kills % 20 == 19 && hits < std::exchange(hits_before, hits) + 5 && longest < 1'000'000) longest *= 2;
    const int status = live_and_die(scratch.path(), kills, std::chrono::microseconds(random() % longest));
    REQUIRE(WIFSIGNALED(status));
    const auto out = released(scratch.path() / "uses"), known = counted(scratch.path());
    const std::int64_t before = left;
    lost = left = most = 0;
    for (std::uint32_t number = 0; number < kCrashTokens; ++number) {
      INFO("token " << number);
      // Counted before it is released; never above the limit.
      REQUIRE(out[number] <= known[number]);
      REQUIRE(known[number] <= crash_max_uses(number));
      left += out[number];
      lost += known[number] - out[number];
      most += crash_max_uses(number);
    }
    hits += left > before ? 1 : 0;
    // Where one life uses up many of them, too few would be left for the kills to hit: they get shorter.
    if (left - before > most / 50 && longest > 4'000) longest -= longest / 4;
  }
  std::cout << kills << " kills, " << hits << " of them amid work: " << left << " uses of " << most
            << " released, " << lost << " lost to crashes, none given twice\n";
  // The kills must have hit work, or this test shows nothing.
  CHECK(hits > 20);
  CHECK(left > 1000);
  CHECK(lost > 0);
}

}  // namespace
}  // namespace signet::test
