// The refusals of the signing memory, as errors of the IDL with sentences that say what to do. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/ledger/ledger_types.h"
#include "agent/ledger/mark_table.h"
#include "agent/ledger/version_rules.h"
#include "protocol/result.h"

namespace signet {

// What stands in the way. version and digest are those of the mark in the way (for "older": the newer
// version).
struct Conflict {
  Ruling ruling = Ruling::OtherBytes;
  std::int64_t version = 0;
  std::string digest;
  std::optional<StoredPayload> stored;  // where the ledger still has the bytes in the way
  std::string fingerprint;              // KeyUsed: the key
};
Error version_conflict(const std::string& repository, const std::string& role, std::int64_t wanted,
                       Conflict conflict);

Error unknown_repository(const std::string& name);
Error unknown_key(const std::string& fingerprint);
Error retired_key(const std::string& fingerprint);
Error shared_key(const std::string& fingerprint, const std::string& other_pair,
                 const ReserveRequest& request);
Error busy(const ReserveRequest& request);
// Busy: what would be superseded is not what was shown.
Error released_meanwhile(const ReserveRequest& request);

}  // namespace signet
