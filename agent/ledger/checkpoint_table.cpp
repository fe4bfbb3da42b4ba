#include "agent/ledger/checkpoint_table.h"

#include <algorithm>

namespace signet {

std::string CheckpointTable::branch() {
  Query row(database_, "SELECT branch FROM checkpoint");
  return row.next() ? row.text(0) : "";
}

void CheckpointTable::start_branch(std::string_view name) {
  run(database_, "UPDATE checkpoint SET branch = ?1, size = 0, root = x'', note = ''", name);
  run(database_, "DELETE FROM anchors");
}

KeptCheckpoint CheckpointTable::newest() {
  KeptCheckpoint kept;
  Query row(database_, "SELECT size, root, note FROM checkpoint");
  if (!row.next()) return kept;
  kept.size = row.integer(0);
  const Bytes root = row.blob(1);
  std::copy_n(root.begin(), std::min(root.size(), kept.root.size()), kept.root.begin());
  kept.note = row.text(2);
  return kept;
}

void CheckpointTable::keep(const KeptCheckpoint& checkpoint) {
  run(database_, "UPDATE checkpoint SET size = ?1, root = ?2, note = ?3", checkpoint.size,
      Bytes(checkpoint.root.begin(), checkpoint.root.end()), checkpoint.note);
}

bool CheckpointTable::anchor_known(std::string_view name) {
  return Query(database_, "SELECT 1 FROM anchors WHERE name = ?1", name).next();
}

void CheckpointTable::note_anchor(std::string_view name) {
  run(database_, "INSERT INTO anchors (name) VALUES (?1) ON CONFLICT DO NOTHING", name);
}

}  // namespace signet
