#include "agent/ledger/ledger_backup.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "agent/ledger/database.h"
#include "agent/ledger/ledger_files.h"
#include "agent/ledger/schema.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

struct CloseDatabase {
  void operator()(sqlite3* handle) const { sqlite3_close(handle); }
};
using Connection = std::unique_ptr<sqlite3, CloseDatabase>;

Error file_fault(const fs::path& path, const char* what, int code) {
  return {ErrorName::FileFault, std::string("The backup \"") + path.string() + "\" cannot be " + what + ": " +
                                    std::strerror(code) + ". Nothing was left there."};
}

Error name_taken(const fs::path& path) {
  return {
      ErrorName::AlreadyExists,
      "There is a file \"" + path.string() + "\" already; a backup never replaces one. Give another name.",
      {{"kind", "object"}, {"name", path.string()}}};
}

Error unavailable(const std::string& what, int code) {
  return {ErrorName::LedgerUnavailable,
          "The ledger cannot be copied (" + what + "). Look at its disk, and at \"signet status\".",
          {{"why", (code & 0xff) == SQLITE_FULL ? "full" : "io"}}};
}

// An empty file that only its owner reads, removed again unless it is kept.
class Draft {
 public:
  explicit Draft(fs::path path) : path_(std::move(path)) {}
  ~Draft() {
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) ::unlink((path_.string() + suffix).c_str());
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  Result<void> make() {
    const int file = ::open(path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return errno == EEXIST ? name_taken(path_) : file_fault(path_, "made", errno);
    ::close(file);
    return {};
  }
  const fs::path& path() const { return path_; }

 private:
  const fs::path path_;
};

Result<Connection> connect(const fs::path& file, int flags) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection(handle);
  if (code != SQLITE_OK) return unavailable(sqlite3_errstr(code), code);
  sqlite3_busy_timeout(handle, 5000);
  return connection;
}

// In one step: that is one read transaction, which sees one moment, and is not begun again when the agent
// writes.
Result<void> copy_database(const fs::path& from, const fs::path& to) {
  auto source = connect(from, SQLITE_OPEN_READWRITE);
  if (!source) return source.error();
  auto target = connect(to, SQLITE_OPEN_READWRITE);
  if (!target) return target.error();
  sqlite3_backup* const backup = sqlite3_backup_init(target->get(), "main", source->get(), "main");
  if (backup == nullptr) return unavailable(sqlite3_errmsg(target->get()), sqlite3_errcode(target->get()));
  const int step = sqlite3_backup_step(backup, -1);
  const int code = sqlite3_backup_finish(backup);
  if (step != SQLITE_DONE || code != SQLITE_OK)
    return unavailable(sqlite3_errstr(code != SQLITE_OK ? code : step), step);
  // One file, without a log beside it.
  const int single = sqlite3_exec(target->get(), "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr);
  if (single != SQLITE_OK) return unavailable(sqlite3_errmsg(target->get()), single);
  return {};
}

Result<BackupFacts> check_copy(const fs::path& file) {
  BackupFacts facts;
  Database database(file, nullptr);
  if (const auto known = check_identity(database); !known) return known.error();
  if (const auto sound = check_soundness(database); !sound) return sound.error();
  if (Query row(database, "SELECT id FROM ledger"); row.next()) facts.ledger = row.text(0);
  if (Query row(database, "SELECT count(*) FROM records"); row.next()) facts.records = row.integer(0);
  if (database.fault()) return database.fault_error();
  facts.bytes = static_cast<std::int64_t>(fs::file_size(file));
  return facts;
}

Result<void> sync(const fs::path& path, int flags) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
  if (file < 0) return file_fault(path, "opened", errno);
  const int code = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  if (code != 0) return file_fault(path, "written", code);
  return {};
}

}  // namespace

Result<BackupFacts> back_up_ledger(const fs::path& directory, const fs::path& file) {
  if (const auto there = check_ledger_file(directory); !there) return there.error();
  struct stat status {};
  if (::lstat(file.c_str(), &status) == 0) return name_taken(file);
  Draft draft(file.string() + ".partial");
  if (auto made = draft.make(); !made) return made.error();
  if (auto copied = copy_database(ledger_file(directory), draft.path()); !copied) return copied.error();
  auto facts = check_copy(draft.path());
  if (!facts) return facts.error();
  if (auto synced = sync(draft.path(), 0); !synced) return synced.error();
  // A link, not a rename: it never replaces.
  if (::link(draft.path().c_str(), file.c_str()) != 0)
    return errno == EEXIST ? name_taken(file) : file_fault(file, "made", errno);
  if (auto synced = sync(file.parent_path(), O_DIRECTORY); !synced) return synced.error();
  return facts;
}

}  // namespace signet
