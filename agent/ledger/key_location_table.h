// The further tokens that hold a key: rows only; KeyTable decides.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ledger/database.h"
#include "agent/ledger/ledger_types.h"

namespace signet {

// Not thread safe.
class KeyLocationTable {
 public:
  explicit KeyLocationTable(Database& database) : database_(database) {}

  // In the order of their enrolment.
  std::vector<LedgerKeyLocation> of(std::string_view fingerprint);
  // Those of all keys, by fingerprint.
  std::map<std::string, std::vector<LedgerKeyLocation>> all();
  // A row that is there keeps its place among the others.
  void put(std::string_view fingerprint, const LedgerKeyLocation& location);
  void remove(std::string_view fingerprint, std::string_view token_label, std::string_view token_serial);
  void remove_all(std::string_view fingerprint);

 private:
  Database& database_;
};

}  // namespace signet
