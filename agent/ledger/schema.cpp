#include "agent/ledger/schema.h"

#include <array>
#include <string>

#include "agent/ledger/record_index.h"
#include "agent/ledger/tree_table.h"

namespace signet {
namespace {

// Names: a mark says which bytes a version has (digest) and how far they went (state). Rows are kept per
// digest, so that what was released once is never forgotten, not even when it is superseded.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE migrations (
  version INTEGER PRIMARY KEY,
  applied TEXT NOT NULL,
  program TEXT NOT NULL
) STRICT;

CREATE TABLE ledger (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id TEXT NOT NULL CHECK (length(id) = 64),
  created TEXT NOT NULL
) STRICT;

CREATE TABLE records (
  sequence INTEGER PRIMARY KEY,
  time TEXT NOT NULL,
  kind TEXT NOT NULL,
  statement TEXT NOT NULL CHECK (length(CAST(statement AS BLOB)) < 65536),
  salt BLOB NOT NULL CHECK (length(salt) = 32),
  detail_hash TEXT NOT NULL CHECK (length(detail_hash) = 64),
  detail TEXT NOT NULL
) STRICT;
CREATE TRIGGER records_never_change BEFORE UPDATE ON records
  BEGIN SELECT RAISE(ABORT, 'records never change'); END;
CREATE TRIGGER records_never_go BEFORE DELETE ON records
  BEGIN SELECT RAISE(ABORT, 'records never go'); END;

-- Intents whose outcome is not written yet. Rows that a crash leaves are closed at the next start.
CREATE TABLE open_intents (
  sequence INTEGER PRIMARY KEY REFERENCES records
) STRICT;

CREATE TABLE keys (
  fingerprint TEXT PRIMARY KEY CHECK (length(fingerprint) = 64),
  name TEXT NOT NULL,
  uri TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  spki BLOB NOT NULL,
  tuf_keyid TEXT NOT NULL,
  notary_keyid TEXT NOT NULL,
  uses TEXT NOT NULL,
  token_label TEXT NOT NULL,
  token_serial TEXT NOT NULL,
  evidence TEXT NOT NULL,
  created TEXT NOT NULL,
  retired INTEGER NOT NULL CHECK (retired IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX keys_active_name ON keys (name) WHERE retired = 0;

-- Every use that a public key was ever enrolled for; retiring it removes nothing.
CREATE TABLE key_uses_ever (
  fingerprint TEXT NOT NULL REFERENCES keys,
  use TEXT NOT NULL,
  PRIMARY KEY (fingerprint, use)
) STRICT, WITHOUT ROWID;

CREATE TABLE repositories (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  format TEXT NOT NULL CHECK (format IN ('tuf', 'notary')),
  created TEXT NOT NULL
) STRICT;

-- The chain of trusted roots, the whole files.
CREATE TABLE roots (
  repository INTEGER NOT NULL REFERENCES repositories,
  version INTEGER NOT NULL CHECK (version > 0),
  digest TEXT NOT NULL CHECK (length(digest) = 64),
  metadata TEXT NOT NULL,
  how TEXT NOT NULL CHECK (how IN ('adopted', 'observed')),
  time TEXT NOT NULL,
  PRIMARY KEY (repository, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE roles (
  id INTEGER PRIMARY KEY,
  repository INTEGER NOT NULL REFERENCES repositories,
  name TEXT NOT NULL,
  epoch INTEGER NOT NULL DEFAULT 1,
  UNIQUE (repository, name)
) STRICT;

CREATE TABLE version_marks (
  role INTEGER NOT NULL REFERENCES roles,
  epoch INTEGER NOT NULL,
  version INTEGER NOT NULL CHECK (version > 0),
  digest TEXT NOT NULL CHECK (length(digest) = 64),
  state TEXT NOT NULL CHECK (state IN ('reserved', 'released', 'superseded', 'contradicted', 'observed')),
  released INTEGER NOT NULL CHECK (released IN (0, 1)),
  PRIMARY KEY (role, epoch, version, digest)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX version_marks_one_release ON version_marks (role, epoch, version)
  WHERE state IN ('released', 'observed');
CREATE UNIQUE INDEX version_marks_one_reservation ON version_marks (role, epoch, version)
  WHERE state = 'reserved';

CREATE TABLE key_marks (
  fingerprint TEXT NOT NULL REFERENCES keys,
  type TEXT NOT NULL CHECK (type IN ('root', 'targets', 'snapshot', 'timestamp')),
  version INTEGER NOT NULL CHECK (version > 0),
  role INTEGER NOT NULL REFERENCES roles,
  digest TEXT NOT NULL CHECK (length(digest) = 64),
  state TEXT NOT NULL CHECK (state IN ('reserved', 'released')),
  PRIMARY KEY (fingerprint, type, version, role, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE key_pairs (
  fingerprint TEXT NOT NULL REFERENCES keys,
  type TEXT NOT NULL CHECK (type IN ('root', 'targets', 'snapshot', 'timestamp')),
  role INTEGER NOT NULL REFERENCES roles,
  released INTEGER NOT NULL CHECK (released IN (0, 1)),
  PRIMARY KEY (fingerprint, type, role)
) STRICT, WITHOUT ROWID;

-- The newest released payload of each role, and the signatures over it that this ledger saw leave.
CREATE TABLE payloads (
  role INTEGER PRIMARY KEY REFERENCES roles,
  epoch INTEGER NOT NULL,
  version INTEGER NOT NULL,
  digest TEXT NOT NULL CHECK (length(digest) = 64),
  payload TEXT NOT NULL
) STRICT;
CREATE TABLE signatures (
  role INTEGER NOT NULL REFERENCES payloads ON DELETE CASCADE,
  fingerprint TEXT NOT NULL REFERENCES keys,
  signature TEXT NOT NULL,
  PRIMARY KEY (role, fingerprint)
) STRICT, WITHOUT ROWID;

-- The newest observed metadata of each role, the whole file.
CREATE TABLE observed (
  role INTEGER PRIMARY KEY REFERENCES roles,
  version INTEGER NOT NULL,
  digest TEXT NOT NULL CHECK (length(digest) = 64),
  metadata TEXT NOT NULL
) STRICT;

-- pending: the attempt that was begun and has no outcome yet (HMAC of the PIN), else null.
CREATE TABLE pin_attempts (
  token TEXT PRIMARY KEY,
  pending TEXT,
  wrong INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE pin_refused (
  token TEXT NOT NULL REFERENCES pin_attempts ON DELETE CASCADE,
  value TEXT NOT NULL,
  PRIMARY KEY (token, value)
) STRICT, WITHOUT ROWID;
)sql";

// The tree over the records, what was last signed of it, and what a ledger knows of having been set back.
constexpr const char* kVersion2 = R"sql(
-- The complete subtrees' hashes, in the order in which records complete them (protocol/merkle.h).
CREATE TABLE tree_hashes (
  position INTEGER PRIMARY KEY CHECK (position >= 0),
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TRIGGER tree_hashes_never_change BEFORE UPDATE ON tree_hashes
  BEGIN SELECT RAISE(ABORT, 'hashes never change'); END;
CREATE TRIGGER tree_hashes_never_go BEFORE DELETE ON tree_hashes
  BEGIN SELECT RAISE(ABORT, 'hashes never go'); END;

-- The newest signed checkpoint. branch: what the log's origin ends with since the ledger was set back; empty
-- before.
CREATE TABLE checkpoint (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  branch TEXT NOT NULL DEFAULT '',
  size INTEGER NOT NULL DEFAULT 0 CHECK (size >= 0),
  root BLOB NOT NULL DEFAULT x'',
  note TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO checkpoint (one) VALUES (1);

-- Anchors that hold a checkpoint of this ledger: one of these that is gone is a finding.
CREATE TABLE anchors (
  name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Each time the ledger was found to be older than, or other than, an anchor.
CREATE TABLE quarantines (
  id INTEGER PRIMARY KEY,
  since TEXT NOT NULL,
  why TEXT NOT NULL,
  anchor TEXT NOT NULL,
  ended TEXT
) STRICT;
-- Roles that were observed (or cleared by a person) since that quarantine began.
CREATE TABLE quarantine_cleared (
  role INTEGER NOT NULL REFERENCES roles,
  quarantine INTEGER NOT NULL REFERENCES quarantines,
  PRIMARY KEY (role, quarantine)
) STRICT, WITHOUT ROWID;
)sql";

// How often identity tokens were used (replay_table.h).
constexpr const char* kVersion3 = R"sql(
CREATE TABLE oidc_replay (
  issuer TEXT NOT NULL,
  token_hash TEXT NOT NULL CHECK (length(token_hash) = 64),
  uid INTEGER NOT NULL,
  payload_digest TEXT CHECK (length(payload_digest) = 64),
  uses INTEGER NOT NULL CHECK (uses BETWEEN 1 AND max_uses),
  max_uses INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  PRIMARY KEY (issuer, token_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX oidc_replay_expires ON oidc_replay (expires);

-- The newest "exp" of the rows that were removed.
CREATE TABLE oidc_forgotten (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  expires INTEGER NOT NULL
) STRICT;
INSERT INTO oidc_forgotten (one, expires) VALUES (1, 0);
)sql";

// Requests that wait for approvals (approval_table.h).
constexpr const char* kVersion4 = R"sql(
-- document: canonical JSON, whose SHA-256 is the id. subject: the same without the expiry. live: until it
-- expires; of one subject there is one at a time.
CREATE TABLE approval_requests (
  id TEXT PRIMARY KEY CHECK (length(id) = 64),
  subject TEXT NOT NULL CHECK (length(subject) = 64),
  document TEXT NOT NULL,
  payload TEXT NOT NULL,
  repository TEXT NOT NULL,
  role TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version > 0),
  digest TEXT NOT NULL CHECK (length(digest) = 64),
  keys TEXT NOT NULL,
  supersede INTEGER NOT NULL CHECK (supersede IN (0, 1)),
  expires INTEGER NOT NULL,
  summary TEXT NOT NULL,
  difference TEXT NOT NULL,
  terms TEXT NOT NULL,
  uid INTEGER NOT NULL,
  created TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'denied', 'expired', 'signed')),
  live INTEGER NOT NULL CHECK (live IN (0, 1)),
  denied_by TEXT NOT NULL DEFAULT '',
  why TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX approval_requests_one_live ON approval_requests (subject) WHERE live = 1;

-- One approval by one uid or one key; who that is, is counted under the policy of the moment.
CREATE TABLE approvals (
  request TEXT NOT NULL REFERENCES approval_requests ON DELETE CASCADE,
  principal TEXT NOT NULL,
  how TEXT NOT NULL CHECK (how IN ('uid', 'signature')),
  evidence TEXT NOT NULL,
  file TEXT NOT NULL,
  time TEXT NOT NULL,
  PRIMARY KEY (request, how, evidence)
) STRICT, WITHOUT ROWID;
)sql";

// When each version was released first, in seconds since 1970. What version 4 released has no time: a rate
// begins anew.
constexpr const char* kVersion5 = R"sql(
CREATE TABLE release_times (
  role INTEGER NOT NULL REFERENCES roles,
  version INTEGER NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY (role, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX release_times_by_time ON release_times (role, time);
)sql";

// A key on several tokens: "keys" has the first, this table the others.
constexpr const char* kVersion7 = R"sql(
ALTER TABLE keys ADD COLUMN share_order INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN share_weight INTEGER NOT NULL DEFAULT 1;
CREATE TABLE key_locations (
  id INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL REFERENCES keys,
  token_label TEXT NOT NULL,
  token_serial TEXT NOT NULL,
  uri TEXT NOT NULL,
  evidence TEXT NOT NULL,
  share_order INTEGER NOT NULL,
  share_weight INTEGER NOT NULL,
  UNIQUE (fingerprint, token_label, token_serial)
) STRICT;
)sql";

constexpr std::array kMigrations{
    Migration{1, kVersion1}, Migration{2, kVersion2, build_tree},
    Migration{3, kVersion3}, Migration{4, kVersion4},
    Migration{5, kVersion5}, Migration{6, kRecordIndexTables, build_record_index},
    Migration{7, kVersion7}};

std::int64_t pragma(Database& database, std::string_view sql) {
  Query row(database, sql);
  return row.next() ? row.integer(0) : 0;
}

Error unavailable(std::string_view why, std::string message) {
  boost::json::object parameters{{"why", why}};
  return {ErrorName::LedgerUnavailable, std::move(message), std::move(parameters)};
}

Error corrupt(const std::string& what) {
  return unavailable("corrupt",
                     "The ledger is damaged: " + what +
                         ". Keep the damaged file, restore a backup, and observe every repository before "
                         "you sign again.");
}

void apply(Database& database, const Migration& migration, std::string_view time) {
  database.execute("BEGIN IMMEDIATE");
  database.execute(migration.sql);
  if (migration.fill) migration.fill(database);
  run(database, "INSERT INTO migrations (version, applied, program) VALUES (?1, ?2, ?3)", migration.version,
      time, std::string_view("signet " SIGNET_VERSION));
  // Pragmas take no parameters; both belong to the transaction.
  database.execute(("PRAGMA user_version = " + std::to_string(migration.version)).c_str());
  database.execute(("PRAGMA application_id = " + std::to_string(kLedgerApplicationId)).c_str());
  database.execute("COMMIT");
}

}  // namespace

std::span<const Migration> ledger_migrations() {
  return kMigrations;
}

Result<void> check_identity(Database& database) {
  const std::int64_t application = pragma(database, "PRAGMA application_id");
  if (database.fault()) return database.fault_error();
  if (application == kLedgerApplicationId) return {};
  return unavailable(
      "not-a-ledger",
      "The file is empty, or another program's database: no ledger of Signet. Restore a backup of the "
      "ledger, or give the agent the right state directory (--state).");
}

Result<void> migrate(Database& database, std::span<const Migration> migrations, std::string_view time) {
  const std::int64_t present = pragma(database, "PRAGMA user_version");
  if (database.fault()) return database.fault_error();
  const std::int64_t newest = migrations.back().version;
  if (present > newest)
    return unavailable("newer-version", "The ledger was written by a newer Signet: its schema is version " +
                                            std::to_string(present) +
                                            ", this program (" SIGNET_VERSION ") knows up to " +
                                            std::to_string(newest) +
                                            ". Run the newer program; there is no way back for a ledger.");
  for (const Migration& migration : migrations) {
    if (migration.version > present) apply(database, migration, time);
    if (database.fault()) {
      const Error error = database.fault_error();
      database.clear_fault();
      if (database.in_transaction()) database.execute("ROLLBACK");
      return error;
    }
  }
  return {};
}

Result<void> check_soundness(Database& database) {
  std::string finding;
  if (Query row(database, "PRAGMA quick_check(1)"); row.next()) finding = row.text(0);
  if (database.fault()) return database.fault_error();
  if (finding != "ok") return corrupt("SQLite's check says \"" + finding + "\"");
  if (Query row(database, "PRAGMA foreign_key_check"); row.next())
    return corrupt("a row of the table " + row.text(0) + " refers to nothing");
  std::int64_t records = 0, last = 0;
  if (Query row(database, "SELECT count(*), ifnull(max(sequence), 0) FROM records"); row.next()) {
    records = row.integer(0);
    last = row.integer(1);
  }
  if (database.fault()) return database.fault_error();
  if (records != last)
    return corrupt("it has " + std::to_string(records) + " records, but the last one is number " +
                   std::to_string(last));
  return {};
}

}  // namespace signet
