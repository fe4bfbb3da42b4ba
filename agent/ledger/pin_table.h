// PIN attempts: what the PIN budget must not forget. A value is an HMAC, never a PIN; neither goes into a
// record.
#pragma once

#include <string>

#include "agent/ledger/database.h"
#include "agent/ledger/ledger_types.h"
#include "agent/ledger/records.h"

namespace signet {

// Contracts: ledger.h. Not thread safe.
class PinTable {
 public:
  PinTable(Database& database, RecordLog& records) : database_(database), records_(records) {}

  PinAttempts attempts(const std::string& token);
  // An attempt that is still open ended unknown: it counts as wrong, and its value as refused.
  Result<void> begin(const std::string& token, const std::string& value);
  // NotFound (kind object) if no attempt is open.
  Result<void> end(const std::string& token, bool accepted);
  Result<void> reset(const std::string& token, const Requester& who);

 private:
  Result<void> record(std::string_view kind, const std::string& token, const Requester& who,
                      std::string_view result);
  void refuse_pending(const std::string& token);

  Database& database_;
  RecordLog& records_;
};

}  // namespace signet
