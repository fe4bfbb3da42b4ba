// The newest signed checkpoint of the ledger's tree, which log it belongs to, and which anchors hold one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/ledger/database.h"
#include "protocol/merkle.h"

namespace signet {

// Of the whole tree now. branch: what the log's origin ends with since the ledger was set back last; empty
// before.
struct TreeHead {
  std::string branch;
  std::int64_t size = 0;
  MerkleHash root{};
};

// The newest signed checkpoint; no note: none was signed on this branch.
struct KeptCheckpoint {
  std::int64_t size = 0;
  MerkleHash root{};
  std::string note;  // the whole signed note
};

// Not thread safe; faults of the disk are the database's.
class CheckpointTable {
 public:
  explicit CheckpointTable(Database& database) : database_(database) {}

  std::string branch();
  // A new branch has no checkpoint.
  void start_branch(std::string_view name);
  KeptCheckpoint newest();
  void keep(const KeptCheckpoint& checkpoint);

  // Whether a checkpoint of this ledger was written to the anchor of that name before.
  bool anchor_known(std::string_view name);
  void note_anchor(std::string_view name);

 private:
  Database& database_;
};

}  // namespace signet
