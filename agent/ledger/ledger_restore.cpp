#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "agent/ledger/ledger_backup.h"
#include "agent/ledger/ledger_files.h"
#include "agent/ledger/ledger_store.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

Error file_fault(const std::string& what, const fs::path& path, int code) {
  return {ErrorName::FileFault, "Restoring stopped: cannot " + what + " \"" + path.string() +
                                    "\": " + std::strerror(code) + ". Mend that and restore again."};
}

bool is_there(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<void> sync(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return file_fault("open", path, errno);
  const int code = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  if (code != 0) return file_fault("write", path, code);
  return {};
}

Result<void> move(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return file_fault("move", from, errno);
  return {};
}

void clear(const fs::path& staging) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    ::unlink((ledger_file(staging).string() + suffix).c_str());
}

// The directory stays where there is no ledger: it says that one was there, so that none is made anew.
void discard(const fs::path& directory, const fs::path& staging) {
  clear(staging);
  if (is_there(ledger_file(directory))) ::rmdir(staging.c_str());
}

// The copy that becomes the ledger, in a directory of its own, so that it is opened as any ledger is.
Result<void> copy_backup(const fs::path& backup, const fs::path& staging) {
  clear(staging);  // what a crash left
  if (::mkdir(staging.c_str(), 0700) != 0 && errno != EEXIST) return file_fault("make", staging, errno);
  std::error_code ec;
  fs::copy_file(backup, ledger_file(staging), ec);
  if (ec) return file_fault("copy the backup to", staging, ec.value());
  if (::chmod(ledger_file(staging).c_str(), 0600) != 0) return file_fault("close", staging, errno);
  return {};
}

QuarantineCause restored_cause(const fs::path& backup, std::int64_t records) {
  return {"restored",
          "the backup " + backup.filename().string() + ", which ends at record " + std::to_string(records),
          "The ledger was restored from a backup: what was signed since is not in it."};
}

// Checked and migrated as at every start; then no role signs before it was observed.
Result<RestoreFacts> prepare(const fs::path& backup, const fs::path& staging) {
  RestoreFacts facts;
  auto store = LedgerStore::open(staging, {});
  if (!store) return store.error();
  facts.ledger = (*store)->summary().id;
  facts.records = (*store)->summary().records;
  if (const auto begun = (*store)->begin_group(true); !begun) return begun.error();
  const auto quarantined =
      (*store)->run(true, [&] { return (*store)->begin_quarantine(restored_cause(backup, facts.records)); });
  const auto committed = (*store)->commit_group();
  if (!quarantined) return quarantined.error();
  if (!committed) return committed.error();
  return facts;
}

std::string time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H-%M-%SZ", &parts);
  return {text.data(), size};
}

// First the database, then its log: in between there is a log without its database, with which no agent
// starts. The other way round acknowledged records would be missing in silence.
Result<fs::path> move_aside(const fs::path& directory) {
  const fs::path database = ledger_file(directory), log = database.string() + "-wal";
  if (!is_there(database) && !is_there(log)) return fs::path();
  fs::path aside = directory / ("replaced-" + time_now());
  for (int number = 2; is_there(aside); ++number)
    aside = directory / ("replaced-" + time_now() + "-" + std::to_string(number));
  if (::mkdir(aside.c_str(), 0700) != 0) return file_fault("make", aside, errno);
  for (const fs::path& file : {database, log}) {
    if (!is_there(file)) continue;
    if (const auto moved = move(file, aside / file.filename()); !moved) return moved.error();
    if (const auto synced = sync(directory); !synced) return synced.error();
  }
  ::unlink((database.string() + "-shm").c_str());
  return aside;
}

}  // namespace

Result<RestoreFacts> restore_ledger(const fs::path& directory, const fs::path& backup) {
  const fs::path staging = restoring_directory(directory);
  if (const auto copied = copy_backup(backup, staging); !copied) {
    discard(directory, staging);
    return copied.error();
  }
  auto facts = prepare(backup, staging);
  if (!facts) {
    discard(directory, staging);
    return facts.error();
  }
  if (const auto synced = sync(ledger_file(staging)); !synced) return synced.error();
  if (const auto synced = sync(staging); !synced) return synced.error();
  auto aside = move_aside(directory);
  if (!aside) return aside.error();
  facts->replaced = std::move(*aside);
  if (const auto moved = move(ledger_file(staging), ledger_file(directory)); !moved) return moved.error();
  if (const auto synced = sync(directory); !synced) return synced.error();
  discard(directory, staging);
  return facts;
}

}  // namespace signet
