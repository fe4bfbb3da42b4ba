#include "agent/checkpoint/anchor.h"

#include "agent/checkpoint/durable_file.h"

namespace signet {
namespace {

class FileAnchor final : public Anchor {
 public:
  explicit FileAnchor(std::filesystem::path path) : path_(std::move(path)) {}
  std::string name() const override { return "file " + path_.string(); }
  Result<std::optional<std::string>> read() override { return read_small_file(path_, kMaxNoteSize); }
  Result<void> write(const std::string& note) override { return replace_small_file(path_, note, 0644); }

 private:
  const std::filesystem::path path_;
};

std::string describe(const std::string& name, const Checkpoint& checkpoint) {
  return name + ": " + checkpoint.origin + ", " + std::to_string(checkpoint.size) + " records, root " +
         merkle_hash_text(checkpoint.root);
}

AnchorReading because(const char* why, std::string anchor, std::string message) {
  AnchorReading reading;
  reading.cause = QuarantineCause{why, std::move(anchor), std::move(message)};
  return reading;
}

}  // namespace

std::unique_ptr<Anchor> file_anchor(std::filesystem::path path) {
  return std::make_unique<FileAnchor>(std::move(path));
}

AnchorReading read_anchor(const AnchorFacts& facts) {
  if (!facts.note)
    return because("anchor-unreadable", facts.name,
                   "The anchor (" + facts.name + ") cannot be read: " + facts.note.error().message);
  if (!*facts.note) {
    if (!facts.known) return {};
    return because("anchor-missing", facts.name,
                   "The anchor (" + facts.name + ") held a checkpoint of this ledger and is gone.");
  }
  auto parsed = parse_signed_checkpoint(**facts.note);
  if (!parsed)
    return because("anchor-tampered", facts.name,
                   "The anchor (" + facts.name + ") is damaged: " + parsed.error().message);
  if (parsed->checkpoint.origin != facts.origin)
    return because("other-log", describe(facts.name, parsed->checkpoint),
                   "The anchor (" + facts.name + ") holds a checkpoint of the log " +
                       parsed->checkpoint.origin + ", and this ledger's is " + facts.origin + ".");
  if (facts.key && check_note(parsed->note, *facts.key) != NoteVerdict::Good)
    return because("anchor-tampered", describe(facts.name, parsed->checkpoint),
                   "The checkpoint in the anchor (" + facts.name + ") is not signed by this ledger's key.");
  AnchorReading reading;
  reading.checkpoint = std::move(parsed->checkpoint);
  return reading;
}

std::optional<QuarantineCause> compare_anchor(const std::string& name, const Checkpoint& checkpoint,
                                              std::int64_t ledger_size,
                                              const std::optional<MerkleHash>& root) {
  const std::string anchor = describe(name, checkpoint);
  if (!root)
    return QuarantineCause{"rollback", anchor,
                           "The ledger has " + std::to_string(ledger_size) + " records, and the anchor (" +
                               name + ") knows of " + std::to_string(checkpoint.size) +
                               ": an older copy was put in its place."};
  if (*root != checkpoint.root)
    return QuarantineCause{"other-log", anchor,
                           "The first " + std::to_string(checkpoint.size) +
                               " records are not those that the anchor (" + name + ") knows."};
  return std::nullopt;
}

}  // namespace signet
