// What the records are looked for by: who, when, which repository, role and key, with which outcome.
//
// Two tables that hold nothing of their own: they are made of the records, in the same transaction as each
// record, and brought up to date when the ledger is opened. Whoever distrusts them deletes their rows.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ledger/database.h"
#include "agent/ledger/ledger_types.h"

namespace signet {

inline constexpr const char* kRecordIndexTables = R"sql(
CREATE TABLE record_index (
  sequence INTEGER PRIMARY KEY,
  time TEXT NOT NULL,
  -- The latest time of all records up to this one: it never goes back, though a clock may.
  latest TEXT NOT NULL,
  kind TEXT NOT NULL,
  uid INTEGER NOT NULL,
  repository TEXT NOT NULL,
  role TEXT NOT NULL,
  outcome TEXT NOT NULL,
  intent INTEGER
) STRICT;
CREATE INDEX record_index_repository ON record_index (repository);
CREATE INDEX record_index_intent ON record_index (intent) WHERE intent IS NOT NULL;
CREATE TABLE record_keys (
  fingerprint TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (fingerprint, sequence)
) STRICT, WITHOUT ROWID;
)sql";

// Of one page of records: at most this many statements, and not much more than so many bytes.
inline constexpr std::int64_t kMaxRecordsPerPage = 1000;
inline constexpr std::size_t kMaxPageBytes = 1024 * 1024;
// Rows of the index that one step looks at, whether they match or not: it bounds how long one reader can hold
// the ledger's thread (about a millisecond).
inline constexpr std::int64_t kMaxExamined = 4096;

// The SQL of every walk, for the test that looks at its plans.
std::vector<std::string_view> record_walks();

struct RecordFacts {
  std::int64_t sequence = 0;
  std::string time, kind, repository, role, outcome;
  std::int64_t uid = 0;
};

// Whether the filter lets it through; its key is not asked for here.
bool matches(const RecordFilter& filter, const RecordFacts& facts);

// Not thread safe. Faults of the disk are the database's.
class RecordIndex {
 public:
  explicit RecordIndex(Database& database) : database_(database) {}

  // For each new record, in its transaction. An outcome that names its intent alone takes over what the
  // intent is found by.
  void add(std::int64_t sequence, std::string_view time, std::string_view kind, std::int64_t uid,
           const boost::json::object& body);
  // Adds the records that are not there yet, at most `most` of them. Returns how many it added.
  std::int64_t catch_up(std::int64_t most);

  // One step of a walk: the matching ones of the next kMaxExamined records.
  RecordPage find(const RecordFilter& filter, const RecordCursor& cursor);
  // The record's outcome or, for an outcome, its intent.
  std::optional<RecordRow> partner(std::int64_t sequence);

 private:
  std::vector<RecordFacts> walk(const RecordFilter& filter, const RecordCursor& cursor, std::int64_t lowest);
  // The first record that can be as late as `since`; one beyond the last if there is none.
  std::int64_t first_since(const std::string& since);

  Database& database_;
};

// Adds every record that is not there yet: the migration to schema 6.
void build_record_index(Database& database);

}  // namespace signet
