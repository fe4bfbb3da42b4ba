// The records: what the agent did, in order. Their statements are the leaves of the Merkle tree
// (tree_table.h).
//
// A record is a public statement (canonical JSON, under 64 KiB: what a leaf hashes) and a private detail that
// stays here. The statement names the detail by a salted hash, so that it can be disclosed later and not
// guessed before:
//   {"body":{…},"detail":"HEX","kind":"sign.intent","sequence":7,"time":"2026-11-21T23:00:00Z","uid":1000}
//   detail = SHA-256(salt || detail), salt: 32 random bytes
// docs/ledger.md lists the kinds and their bodies.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ledger/database.h"
#include "agent/ledger/ledger_options.h"
#include "agent/ledger/ledger_types.h"
#include "agent/ledger/record_index.h"
#include "agent/ledger/tree_table.h"

namespace signet {

// A statement of 64 KiB or more is refused, before anything else happens.
inline constexpr std::size_t kMaxStatementSize = 64 * 1024 - 1;
// Nothing a caller gives may make one row of private detail larger than this.
inline constexpr std::size_t kMaxDetailSize = 1024 * 1024;
inline constexpr std::int64_t kMaxRecordsPerRead = 1000;

struct NewRecord {
  std::string_view kind;
  boost::json::object body;    // public
  boost::json::object detail;  // private; gid and pid of the requester are added
  Requester who;
};

// Not thread safe. Faults of the disk are the database's.
class RecordLog {
 public:
  RecordLog(Database& database, LedgerClock clock)
      : database_(database), tree_(database), index_(database), clock_(std::move(clock)) {}

  // Returns the record's sequence. LimitExceeded (record-size), or MetadataInvalid for what has no canonical
  // form; then nothing was written.
  Result<std::int64_t> append(NewRecord record);
  std::vector<RecordRow> read(std::int64_t first, std::int64_t limit);
  std::int64_t count();
  // With its private detail. NotFound.
  Result<RecordInFull> in_full(std::int64_t sequence);
  RecordIndex& index() { return index_; }

  std::string now() const;         // RFC 3339, seconds, UTC
  std::int64_t unix_time() const;  // the same moment

 private:
  Database& database_;
  TreeTable tree_;
  RecordIndex index_;
  LedgerClock clock_;
};

}  // namespace signet
