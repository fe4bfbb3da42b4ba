#include "agent/ledger/database.h"

#include <sqlite3.h>

#include <cerrno>

namespace signet {
namespace {

// The errno that a failed system call left; SQLite folds several causes into SQLITE_IOERR.
LedgerFault classify_io(int system_errno) {
  switch (system_errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return LedgerFault::Full;
    case EROFS:
    case EACCES:
    case EPERM:
      return LedgerFault::ReadOnly;
    default:
      return LedgerFault::Io;
  }
}

LedgerFault classify(int code, int system_errno) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return LedgerFault::Full;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return LedgerFault::ReadOnly;
    case SQLITE_IOERR:
      if (code == SQLITE_IOERR_NOMEM) return LedgerFault::Memory;
      return classify_io(system_errno);
    case SQLITE_CANTOPEN:
      return classify_io(system_errno);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return LedgerFault::Corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return LedgerFault::Locked;
    case SQLITE_NOMEM:
      return LedgerFault::Memory;
    default:
      return LedgerFault::Bug;  // a constraint, a misuse: ours
  }
}

std::string_view advice(LedgerFault fault) {
  switch (fault) {
    case LedgerFault::Full:
      return "There is no room left to write it. Free space (or raise the quota) and try again; nothing is "
             "signed "
             "until then.";
    case LedgerFault::ReadOnly:
      return "It cannot be written. Make the file, its directory and its file system writable for the agent "
             "and try "
             "again.";
    case LedgerFault::Io:
      return "The disk reports a fault. Look at the kernel's log; try again when the disk is sound.";
    case LedgerFault::Corrupt:
      return "Its content is damaged. Stop the agent, keep the damaged file, and restore a backup; observe "
             "every "
             "repository before you sign again.";
    case LedgerFault::Locked:
      return "Another program has it open. Close that program and try again.";
    case LedgerFault::Memory:
      return "There is no memory left. Try again.";
    case LedgerFault::Bug:
      break;
  }
  return "This is a bug of Signet: please report it.";
}

}  // namespace

std::string_view to_string(LedgerFault fault) {
  switch (fault) {
    case LedgerFault::Full:
      return "full";
    case LedgerFault::ReadOnly:
      return "read-only";
    case LedgerFault::Io:
      return "io";
    case LedgerFault::Corrupt:
      return "corrupt";
    case LedgerFault::Locked:
      return "locked";
    case LedgerFault::Memory:
      return "memory";
    case LedgerFault::Bug:
      break;
  }
  return "bug";
}

Database::Database(const std::filesystem::path& file, const char* vfs) : file_(file) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (const int code = sqlite3_open_v2(file.c_str(), &handle_, flags, vfs); code != SQLITE_OK) {
    set_fault(code);
    return;
  }
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_busy_timeout(handle_, 500);
  // SQLite falls back to reading where it may not write.
  if (sqlite3_db_readonly(handle_, "main") == 1) set_fault(SQLITE_READONLY);
  // FULL: each COMMIT is on the disk before it returns. Savepoints spill to memory, not to files elsewhere.
  // Locking stays SQLite's usual one, so that a backup can be taken while the agent runs.
  execute(
      "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
      "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; PRAGMA cache_size = -16384;"
      "PRAGMA journal_size_limit = 67108864");
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Error Database::fault_error() const {
  const LedgerFault kind = fault_ ? fault_->kind : LedgerFault::Bug;
  std::string message = "The ledger \"" + file_.string() + "\" cannot be used (";
  message += fault_ ? fault_->detail : "no fault is known";
  message += "). ";
  message += advice(kind);
  boost::json::object parameters{{"why", to_string(kind)}};
  return {ErrorName::LedgerUnavailable, std::move(message), std::move(parameters)};
}

void Database::set_fault(int code) {
  if (fault_) return;  // the first is the cause
  // SQLite keeps the errno of some failed operations, but not of a COMMIT's: then the thread's own is the
  // best hint.
  const int kept = handle_ ? sqlite3_system_errno(handle_) : 0;
  const int system_errno = kept != 0 ? kept : errno;
  fault_ =
      DatabaseFault{classify(code, system_errno), handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code)};
}

void Database::execute(const char* sql) {
  if (fault_) return;
  errno = 0;
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) set_fault(code);
}

bool Database::in_transaction() const {
  return handle_ && sqlite3_get_autocommit(handle_) == 0;
}

std::int64_t Database::changes() const {
  return sqlite3_changes64(handle_);
}

sqlite3_stmt* Database::statement(std::string_view sql) {
  if (fault_) return nullptr;
  if (const auto known = statements_.find(sql); known != statements_.end()) return known->second;
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) {
    set_fault(code);
    return nullptr;
  }
  statements_.emplace(sql, prepared);
  return prepared;
}

Query::~Query() {
  if (!statement_) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Query::next() {
  if (!statement_ || database_.fault_) return false;
  errno = 0;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.set_fault(code);
  return false;
}

std::int64_t Query::integer(int column) const {
  return statement_ ? sqlite3_column_int64(statement_, column) : 0;
}

std::string Query::text(int column) const {
  if (!statement_) return {};
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))) : "";
}

Bytes Query::blob(int column) const {
  if (!statement_) return {};
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  if (!bytes) return {};
  return {bytes, bytes + sqlite3_column_bytes(statement_, column)};
}

void Query::bind(int position, std::int64_t value) {
  if (!statement_) return;
  if (const int code = sqlite3_bind_int64(statement_, position, value)) database_.set_fault(code);
}

void Query::bind(int position, std::string_view value) {
  if (!statement_) return;
  const char* data = value.data() ? value.data() : "";
  if (const int code =
          sqlite3_bind_text64(statement_, position, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8))
    database_.set_fault(code);
}

void Query::bind(int position, const Bytes& value) {
  if (!statement_) return;
  const void* data = value.empty() ? static_cast<const void*>("") : value.data();
  if (const int code = sqlite3_bind_blob64(statement_, position, data, value.size(), SQLITE_TRANSIENT))
    database_.set_fault(code);
}

}  // namespace signet
