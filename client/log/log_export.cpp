#include "client/log/log_export.h"

#include <algorithm>
#include <map>

namespace signet::client {
namespace {

constexpr std::int64_t kPage = 128;  // statements of the largest size fit a reply

Error refuse(const char* why, std::string message) {
  boost::json::object parameters{{"why", why}};
  return {ErrorName::LedgerUnavailable, std::move(message), std::move(parameters)};
}

Error differs(const std::string& what) {
  return refuse("export-differs", what +
                                      " Nothing was changed that the old checkpoint of this directory "
                                      "needs. Check both: signet ledger check, signet ledger verify.");
}

// The tree: what the directory has of it, and what is added.
class GrowingTree {
 public:
  GrowingTree(TileDirectory& directory, std::uint64_t size)
      : directory_(directory), old_size_(size), size_(size) {}

  std::uint64_t size() const { return size_; }
  MerkleReader reader() {
    return [this](MerkleNode wanted) -> std::optional<MerkleHash> {
      if (const auto added = added_.find(merkle_position(wanted)); added != added_.end())
        return added->second;
      return directory_.node(wanted, old_size_);
    };
  }
  bool append(const MerkleHash& leaf) {
    const bool whole = merkle_append(size_, leaf, reader(), [this](MerkleNode node, const MerkleHash& hash) {
      added_.emplace(merkle_position(node), hash);
    });
    ++size_;
    return whole;
  }

 private:
  TileDirectory& directory_;
  const std::uint64_t old_size_;
  std::uint64_t size_;
  std::map<std::uint64_t, MerkleHash> added_;  // by position
};

class Exporter {
 public:
  Exporter(TileDirectory& directory, const StatementSource& source, const Checkpoint& target,
           std::uint64_t old_size)
      : directory_(directory), source_(source), target_(target), tree_(directory, old_size) {
    report_.old_size = old_size;
    report_.size = target.size;
  }

  // Everything but the checkpoint.
  Result<ExportReport> run() {
    for (const Tile& tile : new_tiles(report_.old_size, target_.size)) {
      if (!tile.entries) break;  // bundles come first
      if (auto written = write_bundle(tile); !written) return written.error();
    }
    const auto root = merkle_root(target_.size, tree_.reader());
    if (!root || *root != target_.root) return differs("The records do not give the root of the checkpoint.");
    for (const Tile& tile : new_tiles(report_.old_size, target_.size)) {
      if (tile.entries) continue;
      const auto content = tile_content(tile, tree_.reader());
      if (!content) return differs("A tile of this directory, " + tile_path(tile) + ", cannot be completed.");
      if (auto written = write(tile, *content); !written) return written.error();
    }
    return report_;
  }

 private:
  Result<void> write(const Tile& tile, const Bytes& content) {
    ++report_.files;
    return directory_.write_tile(tile, content);
  }

  Result<void> write_bundle(const Tile& tile) {
    Bytes bundle;
    const std::uint64_t begin = tile.index * kTileWidth, end = begin + tile.width;
    for (std::uint64_t next = begin; next < end;) {
      const auto limit = std::min<std::int64_t>(kPage, static_cast<std::int64_t>(end - next));
      const auto statements = source_(static_cast<std::int64_t>(next + 1), limit);
      if (!statements) return statements.error();
      if (statements->empty() || statements->size() > static_cast<std::size_t>(limit))
        return differs("The ledger gives no record " + std::to_string(next + 1) + ".");
      for (const std::string& statement : *statements)
        if (auto added = add(next++, statement, bundle); !added) return added;
    }
    return write(tile, bundle);
  }

  // The first entries of a bundle that was partial are in the directory's tree already.
  Result<void> add(std::uint64_t index, const std::string& statement, Bytes& bundle) {
    if (statement.size() > kMaxEntrySize)
      return differs("Record " + std::to_string(index + 1) + " is too large to be one.");
    const MerkleHash leaf = merkle_leaf_hash(as_bytes(statement));
    append_entry(bundle, statement);
    if (index < tree_.size()) {
      if (tree_.reader()({0, index}) == leaf) return {};
      return differs("Record " + std::to_string(index + 1) + " is not the one that this directory has.");
    }
    if (tree_.append(leaf)) return {};
    return differs("A tile of this directory is missing or damaged.");
  }

  TileDirectory& directory_;
  const StatementSource& source_;
  const Checkpoint& target_;
  GrowingTree tree_;
  ExportReport report_;
};

// The size that the directory's own checkpoint has; 0 without one: what a crash left is written again.
Result<std::uint64_t> exported_size(const TileDirectory& directory, const Checkpoint& target) {
  const auto note = directory.checkpoint();
  if (!note) return note.error();
  if (!*note) return std::uint64_t{0};
  const auto old = parse_signed_checkpoint(**note);
  if (!old)
    return differs("The checkpoint of " + directory.path().string() +
                   " is malformed: " + old.error().message);
  const Checkpoint& before = old->checkpoint;
  if (before.origin != target.origin)
    return refuse("export-other-log", directory.path().string() + " has the log " + before.origin +
                                          ", and the agent's is " + target.origin +
                                          ". Export to another directory.");
  if (before.size > target.size)
    return refuse("export-newer", directory.path().string() + " has " + std::to_string(before.size) +
                                      " records, and the agent's checkpoint " + std::to_string(target.size) +
                                      ": the agent's ledger was set back. Keep this directory.");
  if (before.size == target.size && before.root != target.root)
    return differs("The checkpoint of this directory has other records.");
  return before.size;
}

}  // namespace

Result<ExportReport> export_log(TileDirectory& directory, const std::string& note,
                                const StatementSource& source) {
  const auto target = parse_signed_checkpoint(note);
  if (!target) return target.error();
  const auto old_size = exported_size(directory, target->checkpoint);
  if (!old_size) return old_size.error();
  auto report = Exporter(directory, source, target->checkpoint, *old_size).run();
  if (!report) return report;
  if (auto written = directory.write_checkpoint(note); !written) return written.error();
  for (const Tile& tile : new_tiles(*old_size, target->checkpoint.size))
    if (tile.width == kTileWidth) directory.remove_partial(tile);
  return report;
}

}  // namespace signet::client
