// What the ledger tells of the tree over its records: values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/ledger/checkpoint_table.h"
#include "agent/ledger/ledger_check.h"
#include "agent/ledger/quarantine.h"
#include "protocol/merkle.h"

namespace signet {

// That a record is in the tree of the first `size` records.
struct RecordProof {
  std::int64_t size = 0;
  std::string statement;  // of the record: the leaf
  std::vector<MerkleHash> proof;
};

struct LedgerCheckStep {
  std::vector<LedgerFinding> findings;
  std::optional<std::int64_t> next;  // where to go on; nothing: all was checked
};

}  // namespace signet
