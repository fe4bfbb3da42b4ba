// Keys: enrolled, retired, and the uses that stay with a public key for its life.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/ledger/database.h"
#include "agent/ledger/key_location_table.h"
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
  KeyTable(Database& database, RecordLog& records)
      : database_(database), locations_(database), records_(records) {}

  Result<void> add(const LedgerKey& key, const Requester& who);
  std::vector<LedgerKey> all();
  Result<LedgerKey> find(std::string_view name);
  Result<LedgerKey> retire(std::string_view name, const Requester& who);
  Result<LedgerKey> add_location(std::string_view fingerprint, const LedgerKeyLocation& location,
                                 const Requester& who);
  Result<LedgerKey> remove_location(std::string_view fingerprint, std::string_view token_label,
                                    std::string_view token_serial, const Requester& who);

 private:
  Result<LedgerKey> active(std::string_view fingerprint);
  std::optional<LedgerKey> by_fingerprint(std::string_view fingerprint);
  std::optional<Error> taken(const LedgerKey& key);
  std::optional<Error> excluded(const LedgerKey& key);
  void store(const LedgerKey& key, std::string_view created);
  void store_first_location(const LedgerKey& key);

  Database& database_;
  KeyLocationTable locations_;
  RecordLog& records_;
};

}  // namespace signet
