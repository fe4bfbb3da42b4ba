// Anchors: places outside the database that hold the newest checkpoint, so that an older database shows. And
// what it means that one says something else than the database. Pure but for the files.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "agent/ledger/quarantine.h"
#include "protocol/checkpoint.h"
#include "protocol/result.h"
#include "protocol/signed_note.h"

namespace signet {

// Blocking, and may hang: called on a thread of its own (outside_calls.h), by one at a time.
class Anchor {
 public:
  virtual ~Anchor() = default;
  virtual std::string name() const = 0;  // stable: "file /srv/anchor/checkpoint"
  // The signed note that was written last; nothing if there is none.
  virtual Result<std::optional<std::string>> read() = 0;
  // Durable when it returns.
  virtual Result<void> write(const std::string& note) = 0;
};

// A file that the operator names, on another file system best. It holds the signed note as it is.
std::unique_ptr<Anchor> file_anchor(std::filesystem::path path);

// What is known of one anchor at the start.
struct AnchorFacts {
  std::string name;
  bool known = false;  // this ledger wrote to it before, on this branch
  Result<std::optional<std::string>> note = std::optional<std::string>();
  std::string origin;          // of this ledger's log
  std::optional<NoteKey> key;  // nothing: not known now; then no signature is checked
};

// The checkpoint that the anchor holds; nothing for a new anchor; or why the ledger is quarantined
// (anchor-missing, anchor-unreadable, anchor-tampered, other-log).
struct AnchorReading {
  std::optional<Checkpoint> checkpoint;
  std::optional<QuarantineCause> cause;
};
AnchorReading read_anchor(const AnchorFacts& facts);

// Whether the ledger goes on from the checkpoint. root: of the ledger's first checkpoint.size records;
// nothing if it has fewer. Else: rollback or other-log.
std::optional<QuarantineCause> compare_anchor(const std::string& name, const Checkpoint& checkpoint,
                                              std::int64_t ledger_size,
                                              const std::optional<MerkleHash>& root);

}  // namespace signet
