#include "agent/ledger/ledger_store.h"

#include <openssl/rand.h>

#include "agent/ledger/ledger_files.h"
#include "agent/ledger/schema.h"

namespace signet {
namespace {

// Outcomes of intents that nobody finished.
constexpr std::string_view kRestarted = "unknown after restart: nothing left the agent";
constexpr std::string_view kUnwritten = "unknown: the ledger could not be written; nothing left the agent";

Result<std::string> new_id() {
  Bytes id(32);
  if (RAND_bytes(id.data(), static_cast<int>(id.size())) != 1)
    return Error{ErrorName::Internal, "The system gives no random numbers. No ledger was created."};
  return to_hex(id);
}

Error not_durable() {
  boost::json::object parameters{{"why", "io"}};
  return {ErrorName::LedgerUnavailable,
          "The ledger's file system cannot hold a write-ahead log. Put the state directory on a local file "
          "system.",
          std::move(parameters)};
}

}  // namespace

LedgerStore::LedgerStore(const std::filesystem::path& file, const LedgerOptions& options)
    : database_(file, options.vfs),
      records_(database_, options.clock),
      tree_(database_),
      checkpoints_(database_),
      check_(database_),
      keys_(database_, records_),
      marks_(database_),
      quarantine_(database_, records_, marks_),
      approvals_(database_, records_),
      repositories_(database_, records_, marks_),
      reservations_(database_, records_, marks_, quarantine_, approvals_),
      pins_(database_, records_),
      replays_(database_) {}

Result<std::unique_ptr<LedgerStore>> LedgerStore::create(const std::filesystem::path& directory,
                                                         const LedgerOptions& options) {
  const auto id = new_id();
  if (!id) return id.error();
  if (const auto started = start_ledger_file(directory); !started) return started.error();
  {
    // Closed before it is published: its log is then part of it.
    LedgerStore unfinished(unfinished_ledger_file(directory), options);
    const std::string time = unfinished.records_.now();
    if (const auto prepared = unfinished.prepare(time); !prepared) return prepared.error();
    signet::run(unfinished.database_, "INSERT INTO ledger (one, id, created) VALUES (1, ?1, ?2)", *id, time);
    if (unfinished.database_.fault()) return unfinished.database_.fault_error();
  }
  if (const auto published = publish_ledger(directory); !published) return published.error();
  return open(directory, options);
}

Result<std::unique_ptr<LedgerStore>> LedgerStore::open(const std::filesystem::path& directory,
                                                       const LedgerOptions& options) {
  if (const auto checked = check_ledger_file(directory); !checked) return checked.error();
  remove_unfinished_ledger(directory);
  std::unique_ptr<LedgerStore> store(new LedgerStore(ledger_file(directory), options));
  if (const auto known = check_identity(store->database_); !known) return known.error();
  if (const auto prepared = store->prepare(store->records_.now()); !prepared) return prepared.error();
  // What an earlier process could not bring to the disk for sure (a failed fsync leaves clean pages in the
  // cache) is brought there now, before anything new leans on it.
  store->database_.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  if (store->database_.fault()) return store->database_.fault_error();
  if (const auto sound = check_soundness(store->database_); !sound) return sound.error();
  if (const auto untampered = check_untampered(store->database_); !untampered) return untampered.error();
  build_record_index(store->database_);  // what somebody took out of it
  if (store->database_.fault()) return store->database_.fault_error();
  if (const auto closed = store->close_crash_orphans(); !closed) return closed.error();
  return store;
}

Result<void> LedgerStore::prepare(std::string_view time) {
  if (auto migrated = migrate(database_, ledger_migrations(), time); !migrated) return migrated;
  std::string mode;
  if (Query row(database_, "PRAGMA journal_mode = WAL"); row.next()) mode = row.text(0);
  if (database_.fault()) return database_.fault_error();
  if (mode != "wal") return not_durable();
  return {};
}

Result<void> LedgerStore::close_crash_orphans() {
  group_writes_ = true;
  database_.execute("BEGIN IMMEDIATE");
  const auto closed = run(true, [&] { return reservations_.close_orphans(kRestarted); });
  const auto committed = commit_group();
  return closed ? committed : closed;
}

Result<void> LedgerStore::begin_group(bool writes) {
  if (damaged_) return *damaged_;
  group_writes_ = writes;
  if (database_.in_transaction()) database_.execute("ROLLBACK");  // a failed ROLLBACK left it
  signet::run(database_, writes ? "BEGIN IMMEDIATE" : "BEGIN");
  if (database_.fault()) return abandon_group();
  if (!writes || !reservations_.has_orphans()) return {};
  auto closed = run(true, [&] { return reservations_.close_orphans(kUnwritten); });
  if (!closed) abandon_group();
  return closed;
}

void LedgerStore::begin_call() {
  signet::run(database_, "SAVEPOINT one_call");
}

std::optional<Error> LedgerStore::end_call(bool writes) {
  if (!database_.fault()) {
    if (writes) signet::run(database_, "RELEASE one_call");
  }
  if (!database_.fault()) return std::nullopt;
  Error error = database_.fault_error();
  // The disk's faults take the whole group: they are left for commit_group(). A bug takes its own call.
  if (!writes || database_.fault()->kind != LedgerFault::Bug || !database_.in_transaction()) return error;
  database_.clear_fault();
  database_.execute("ROLLBACK TO one_call; RELEASE one_call");
  reservations_.call_undone();
  return error;
}

Result<void> LedgerStore::commit_group() {
  signet::run(database_, "COMMIT");
  if (database_.fault()) return abandon_group();
  if (group_writes_) ++commits_;
  reservations_.committed();
  return {};
}

Error LedgerStore::abandon_group() {
  Error error = database_.fault_error();
  if (database_.fault() && database_.fault()->kind == LedgerFault::Corrupt) damaged_ = error;
  database_.clear_fault();
  // SQLite may have rolled back by itself already.
  if (database_.in_transaction()) database_.execute("ROLLBACK");
  database_.clear_fault();
  reservations_.rolled_back();
  return error;
}

Result<void> LedgerStore::adopt(const std::string& name, MetadataFormat format, const TrustedRoot& root,
                                const Requester& who) {
  auto adopted = repositories_.adopt(name, format, root, who);
  const auto repository = marks_.repository_id(name);
  if (adopted && repository) quarantine_.clear(marks_.role(*repository, "root").id);
  return adopted;
}

// What is older than the ledger's own memory of the role tells it nothing.
Result<std::vector<std::string>> LedgerStore::observe(const std::string& repository,
                                                      const ObservedMetadata& metadata,
                                                      const std::vector<std::string>& restart_roles,
                                                      const Requester& who) {
  auto observed = repositories_.observe(repository, metadata, restart_roles, who);
  const auto id = marks_.repository_id(repository);
  if (!observed || !id) return observed;
  const RoleRow role = marks_.role(*id, metadata.role);
  if (metadata.version >= marks_.highest(role)) quarantine_.clear(role.id);
  return observed;
}

LedgerSummary LedgerStore::summary() {
  LedgerSummary summary;
  if (Query row(database_, "SELECT id FROM ledger"); row.next()) summary.id = row.text(0);
  summary.records = records_.count();
  summary.commits = commits_;
  return summary;
}

}  // namespace signet
