// A thin layer over SQLite: one connection, cached statements, and one place that turns a fault of the disk
// into an Error.
//
// Faults stick (like a leveldb::Status or a stream's badbit, and unlike them not to be missed): after the
// first one every statement of the connection is inert, rows() ends, columns are empty, until clear_fault().
// So code that reads and decides need not test each step; but whoever opened the transaction must ask fault()
// before he believes a result. In this program that is LedgerStore alone.
//
// Not thread safe: used by one thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/bytes.h"
#include "protocol/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace signet {

// What a LedgerUnavailable says in "why".
enum class LedgerFault { Full, ReadOnly, Io, Corrupt, Locked, Memory, Bug };
std::string_view to_string(LedgerFault fault);  // full, read-only, io, corrupt, locked, memory, bug

struct DatabaseFault {
  LedgerFault kind;
  std::string detail;  // SQLite's own words
};

class Query;

class Database {
 public:
  // Opens an existing file. vfs: a name that is registered with SQLite; null: the system's. Faults of opening
  // are the fault().
  Database(const std::filesystem::path& file, const char* vfs);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::optional<DatabaseFault>& fault() const { return fault_; }
  void clear_fault() { fault_.reset(); }
  // LedgerUnavailable for the present fault; what to do is part of the sentence.
  Error fault_error() const;

  // One or more statements without parameters: schema, pragmas, transaction control.
  void execute(const char* sql);
  bool in_transaction() const;
  // Rows that the last statement changed.
  std::int64_t changes() const;

 private:
  friend class Query;
  sqlite3_stmt* statement(std::string_view sql);
  void set_fault(int code);

  std::filesystem::path file_;
  sqlite3* handle_ = nullptr;
  std::map<std::string_view, sqlite3_stmt*> statements_;  // keys are string literals
  std::optional<DatabaseFault> fault_;
};

// One use of a cached statement; at its end the statement is reset. `sql` is a string literal (it is the
// cache's key).
//   for (Query row(db, "SELECT a FROM t WHERE b = ?1", b); row.next();) use(row.text(0));
class Query {
 public:
  template <typename... Arguments>
  Query(Database& database, std::string_view sql, const Arguments&... arguments)
      : database_(database), statement_(database.statement(sql)) {
    int position = 0;
    (bind(++position, arguments), ...);
  }
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // Steps to the next row. False at the end and on a fault.
  bool next();

  std::int64_t integer(int column) const;
  std::string text(int column) const;
  Bytes blob(int column) const;

 private:
  void bind(int position, std::int64_t value);
  void bind(int position, bool value) { bind(position, static_cast<std::int64_t>(value)); }
  void bind(int position, std::string_view value);
  void bind(int position, const char* value) { bind(position, std::string_view(value)); }
  void bind(int position, const std::string& value) { bind(position, std::string_view(value)); }
  void bind(int position, const Bytes& value);

  Database& database_;
  sqlite3_stmt* statement_;
};

// A statement that gives no rows. Write ON CONFLICT DO NOTHING, never INSERT OR IGNORE: that swallows broken
// CHECKs too.
template <typename... Arguments>
void run(Database& database, std::string_view sql, const Arguments&... arguments) {
  Query(database, sql, arguments...).next();
}

}  // namespace signet
