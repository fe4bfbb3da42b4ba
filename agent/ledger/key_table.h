// Keys: enrolled, retired, and the uses that stay with a public key for its life.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/ledger/database.h"
#include "agent/ledger/ledger_types.h"
#include "agent/ledger/records.h"

namespace signet {

// The uses of one public key, over its whole life, that cannot go together: tuf, approval and checkpoint each
// with any other, but tuf with certificate. Returns the use that stands against `wanted`; nothing if they
// agree. Pure.
std::optional<std::string> excluded_use(const std::vector<std::string>& wanted,
                                        const std::vector<std::string>& ever);

// Contracts: ledger.h. Not thread safe; each call decides first and writes after.
class KeyTable {
 public:
  KeyTable(Database& database, RecordLog& records) : database_(database), records_(records) {}

  Result<void> add(const LedgerKey& key, const Requester& who);
  std::vector<LedgerKey> all();
  Result<LedgerKey> find(std::string_view name);
  Result<LedgerKey> retire(std::string_view name, const Requester& who);

 private:
  std::optional<LedgerKey> by_fingerprint(std::string_view fingerprint);
  std::optional<Error> taken(const LedgerKey& key);
  std::optional<Error> excluded(const LedgerKey& key);
  void store(const LedgerKey& key, std::string_view created);

  Database& database_;
  RecordLog& records_;
};

}  // namespace signet
