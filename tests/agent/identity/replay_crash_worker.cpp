// Sixteen clients that use a few tokens, far more often than those may be used, until somebody kills them.
//   replay_crash_worker DIRECTORY SEED FILE
// Appends a line "TOKEN\n" to FILE for each use that was allowed, as a signature would leave: after the
// count.
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <random>

#include "agent/identity/replay_store.h"
#include "tests/agent/identity/replay_crash.h"

namespace signet::test {
namespace {

using boost::asio::awaitable;

awaitable<void> client(ReplayStore& store, unsigned seed, int file) {
  std::mt19937 random(seed);
  for (;;) {
    const std::uint32_t number = static_cast<std::uint32_t>(random() % kCrashTokens);
    TokenUse use = crash_use(number);
    const auto verdict = co_await store.count(std::move(use));
    if (!verdict) std::abort();
    if (*verdict != TokenUseVerdict::Allowed) continue;
    const std::string line = std::to_string(number) + "\n";
    // One write with O_APPEND: a line is there whole or not at all when SIGKILL comes.
    if (write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
  }
}

int live(const char* directory, unsigned seed, const char* path) {
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return 2;
  auto ledger = Ledger::open(directory);
  if (!ledger && ledger.error().name == ErrorName::NotInitialised) ledger = Ledger::create(directory);
  if (!ledger) return 3;
  LedgerReplayStore store(**ledger);
  boost::asio::io_context loop;
  for (unsigned number = 0; number < 16; ++number)
    boost::asio::co_spawn(loop, client(store, seed * 16 + number, file), boost::asio::detached);
  loop.run();
  return 4;
}

}  // namespace
}  // namespace signet::test

int main(int count, char** words) {
  if (count != 4) return 1;
  return signet::test::live(words[1], static_cast<unsigned>(std::strtoul(words[2], nullptr, 10)), words[3]);
}
