// The Merkle tree over the records (RFC 6962; leaf i is the statement of record i + 1), kept as the records
// are appended: the hashes of all complete subtrees, each written once, in the transaction of the record that
// completes it. Roots and proofs of any size need O(log n) of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/ledger/database.h"
#include "protocol/merkle.h"
#include "protocol/result.h"

namespace signet {

// Not thread safe. Has no state of its own; faults of the disk are the database's.
class TreeTable {
 public:
  explicit TreeTable(Database& database) : database_(database) {}

  // The statement of record number sequence, the next one. LedgerUnavailable (corrupt) if a hash is missing.
  Result<void> append(std::int64_t sequence, std::string_view statement);

  std::optional<MerkleHash> node(MerkleNode node);
  MerkleReader reader() {
    return [this](MerkleNode wanted) { return node(wanted); };
  }
  // Of the first `size` records. LedgerUnavailable (corrupt) if a hash is missing.
  Result<MerkleHash> root(std::int64_t size);
  // Hashes that are there: merkle_node_count(records) in a sound ledger.
  std::int64_t count();

 private:
  Database& database_;
};

// LedgerUnavailable (why corrupt): the table does not have what it must.
Error tree_damaged();

// Hashes every record of a ledger that has no tree yet: the migration to schema 2.
void build_tree(Database& database);

}  // namespace signet
