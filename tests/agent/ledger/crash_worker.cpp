// Eight clients that sign, change their bytes, supersede and observe, until somebody kills them.
//   ledger_crash_worker DIRECTORY SEED FILE
// Appends a line to FILE for each fact that the ledger acknowledged, before it goes on.
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <random>

#include "agent/ledger/ledger.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/agent/ledger/witness.h"

namespace signet::test {
namespace {

using boost::asio::awaitable;

struct RoleOfTest {
  const char* repository;
  const char* role;
  std::vector<std::string> keys;
};

const std::vector<RoleOfTest>& roles() {
  static const std::vector<RoleOfTest> table{{"a", "targets", {"k1", "k2"}},
                                             {"a", "snapshot", {"k1"}},
                                             {"b", "targets", {"k3"}},
                                             {"b", "timestamp", {"k2", "k3"}}};
  return table;
}

void tell(int file, const Sighting& sighting) {
  const std::string line = to_line(sighting);
  // One write with O_APPEND: a line is there whole or not at all when SIGKILL comes.
  if (write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
}

// What an earlier life did of this is there already.
awaitable<void> populate(Ledger& ledger) {
  for (const char* name : {"k1", "k2", "k3"}) {
    LedgerKey key = make_key(name);
    co_await ledger.add_key(std::move(key), someone());
  }
  for (const char* name : {"a", "b"}) co_await ledger.create_repository(name, MetadataFormat::Tuf, someone());
}

awaitable<std::optional<VersionMark>> newest(Ledger& ledger, const RoleOfTest& role) {
  const auto marks = co_await ledger.marks(role.repository);
  if (!marks) std::abort();
  for (const VersionMark& mark : *marks)
    if (mark.role == role.role) co_return mark;
  co_return std::nullopt;
}

awaitable<void> sign_once(Ledger& ledger, const RoleOfTest& role, std::int64_t version, std::mt19937& random,
                          int file) {
  ReserveRequest request =
      make_request(role.repository, role.role, version,
                   "variant " + std::to_string(random() % 4) + " of " + std::to_string(version), role.keys);
  request.supersede = random() % 10 == 0;
  Sighting sighting;
  sighting.repository = request.repository;
  sighting.role = request.role;
  sighting.version = request.version;
  sighting.digest = request.digest;
  const auto reservation = co_await ledger.reserve(std::move(request));
  if (!reservation) co_return;
  std::vector<KeyOutcome> outcomes;
  for (const std::string& key : role.keys) {
    outcomes.push_back(random() % 4 == 0 ? failed_by(key) : signed_by(key));
    if (outcomes.back().signature) sighting.fingerprints.push_back(outcomes.back().fingerprint);
  }
  const auto done = co_await ledger.finish(reservation->id, std::move(outcomes));
  if (done && !sighting.fingerprints.empty()) tell(file, sighting);
}

awaitable<void> observe_once(Ledger& ledger, const RoleOfTest& role, const VersionMark& mark, int file) {
  if (mark.state != MarkState::Released) co_return;
  ObservedMetadata metadata;
  metadata.role = mark.role;
  metadata.version = mark.version;
  metadata.digest = mark.digest;
  Sighting sighting;
  sighting.kind = Sighting::Kind::Observed;
  sighting.repository = role.repository;
  sighting.role = mark.role;
  sighting.version = mark.version;
  sighting.digest = mark.digest;
  std::vector<std::string> no_roles;
  const auto observed =
      co_await ledger.observe(role.repository, std::move(metadata), std::move(no_roles), someone());
  if (observed) tell(file, sighting);
}

awaitable<void> client(Ledger& ledger, unsigned seed, int file) {
  std::mt19937 random(seed);
  for (;;) {
    const RoleOfTest& role = roles()[random() % roles().size()];
    const auto mark = co_await newest(ledger, role);
    if (mark && random() % 8 == 0) {
      co_await observe_once(ledger, role, *mark, file);
    } else {
      const std::int64_t version = (mark ? mark->version : 1) + static_cast<std::int64_t>(random() % 2);
      co_await sign_once(ledger, role, version, random, file);
    }
  }
}

int live(const char* directory, unsigned seed, const char* path) {
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return 2;
  auto ledger = Ledger::open(directory);
  if (!ledger && ledger.error().name == ErrorName::NotInitialised) ledger = Ledger::create(directory);
  if (!ledger) return 3;
  boost::asio::io_context loop;
  const auto start = [&]() -> awaitable<void> {
    co_await populate(**ledger);
    for (unsigned number = 0; number < 8; ++number)
      boost::asio::co_spawn(loop, client(**ledger, seed * 8 + number, file), boost::asio::detached);
  };
  boost::asio::co_spawn(loop, start, boost::asio::detached);
  loop.run();
  return 4;
}

}  // namespace
}  // namespace signet::test

int main(int count, char** words) {
  if (count != 4) return 1;
  return signet::test::live(words[1], static_cast<unsigned>(std::strtoul(words[2], nullptr, 10)), words[3]);
}
