#include "client/log/log_check.h"

#include <algorithm>
#include <set>

#include "client/file_io.h"
#include "protocol/record_statement.h"

namespace signet::client {
namespace {

class LogChecker {
 public:
  LogChecker(const TileDirectory& directory, const LogCheckOptions& options)
      : directory_(directory), options_(options) {}

  LogReport run() {
    if (check_checkpoint()) {
      check_entries();
      check_tiles();
      if (tree_.size() == size() && tree_.root() != report_.checkpoint->root)
        add("root-differs", 0, "The records do not give the root of the checkpoint.");
      if (options_.against) check_against();
    }
    return std::move(report_);
  }

 private:
  std::uint64_t size() const { return report_.checkpoint->size; }

  void add(const char* name, std::int64_t sequence, std::string message, bool warning = false) {
    if (report_.findings.size() < kMaxLogFindings)
      report_.findings.push_back({name, sequence, std::move(message), warning});
  }

  bool check_checkpoint() {
    const auto note = directory_.checkpoint();
    if (!note || !*note) {
      add("checkpoint-missing", 0,
          note ? "There is no file \"checkpoint\" in " + directory_.path().string() + "."
               : note.error().message);
      return false;
    }
    auto parsed = parse_signed_checkpoint(**note);
    if (!parsed) {
      add("checkpoint-malformed", 0, parsed.error().message);
      return false;
    }
    report_.checkpoint = parsed->checkpoint;
    check_signature(parsed->note, "The checkpoint");
    return true;
  }

  void check_signature(const SignedNote& note, const std::string& what) {
    if (!options_.key)
      return add("signature-unchecked", 0,
                 what + "'s signature was not checked: give the log's verifier key (--key).", true);
    switch (check_note(note, *options_.key)) {
      case NoteVerdict::Good:
        report_.signature_checked = true;
        return;
      case NoteVerdict::Unknown:
        return add("checkpoint-not-signed", 0,
                   what + " has no signature by the key " + options_.key->text() + ".");
      case NoteVerdict::Forged:
        return add("checkpoint-forged", 0,
                   what + "'s signature is not by the key " + options_.key->text() + ", though it says so.");
    }
  }

  void check_entries() {
    for (std::uint64_t begin = 0; begin < size(); begin += kTileWidth) {
      const auto width = static_cast<unsigned>(std::min<std::uint64_t>(kTileWidth, size() - begin));
      if (!check_bundle({0, begin / kTileWidth, width, true}, begin)) return;
    }
  }

  // False when nothing behind it can be placed.
  bool check_bundle(const Tile& tile, std::uint64_t begin) {
    const auto first = static_cast<std::int64_t>(begin + 1);
    const auto content = directory_.tile(tile);
    if (!content || !*content) {
      add("bundle-missing", first,
          content ? "The file " + tile_path(tile) + " is missing: records " + std::to_string(first) + " to " +
                        std::to_string(begin + tile.width) + "."
                  : content.error().message);
      return false;
    }
    const auto entries = parse_entry_bundle(**content, tile.width);
    if (!entries) {
      add("bundle-malformed", first, tile_path(tile) + ": " + entries.error().message);
      find_missing(**content, tile, first);
      return false;
    }
    std::set<std::int64_t> seen;
    for (std::size_t place = 0; place < entries->size(); ++place)
      check_entry(first + static_cast<std::int64_t>(place), (*entries)[place], seen);
    name_missing(first, tile.width, seen);
    check_leaves(tile, *entries, first);
    return true;
  }

  void check_entry(std::int64_t sequence, const std::string& entry, std::set<std::int64_t>& seen) {
    tree_.append(merkle_leaf_hash(as_bytes(entry)));
    const std::string name = "record " + std::to_string(sequence);
    const auto statement = parse_record_statement(entry);
    if (!statement) {
      const Error error = statement.error();
      return add(error.parameters.at("why").as_string().c_str(), sequence,
                 "Of " + name + ": " + error.message);
    }
    seen.insert(statement->sequence);
    if (statement->sequence != sequence)
      add("record-out-of-place", sequence,
          "In the place of " + name + " lies record " + std::to_string(statement->sequence) + ".");
    if (statement->time < time_)
      add("time-backwards", sequence,
          "The time of " + name + " (" + statement->time + ") is before that of the record before it (" +
              time_ + "): the clock was set back.",
          true);
    time_ = statement->time;
  }

  // Records of this bundle that are nowhere in it.
  void name_missing(std::int64_t first, unsigned width, const std::set<std::int64_t>& seen) {
    if (seen.size() == width && *seen.begin() == first) return;
    for (std::int64_t sequence = first; sequence < first + width; ++sequence)
      if (seen.count(sequence) == 0)
        add("record-missing", sequence, "Record " + std::to_string(sequence) + " is not where it belongs.");
  }

  // Of a bundle with too few or too many entries: which are there.
  void find_missing(const Bytes& content, const Tile& tile, std::int64_t first) {
    for (unsigned count = 0; count < kTileWidth; ++count) {
      const auto entries = parse_entry_bundle(content, count);
      if (!entries) continue;
      std::set<std::int64_t> seen;
      for (const std::string& entry : *entries)
        if (const auto statement = parse_record_statement(entry)) seen.insert(statement->sequence);
      return name_missing(first, tile.width, seen);
    }
  }

  void check_leaves(const Tile& tile, const std::vector<std::string>& entries, std::int64_t first) {
    const auto hashes = directory_.tile({0, tile.index, tile.width, false});
    if (!hashes || !*hashes || (*hashes)->size() != std::size_t{tile.width} * 32)
      return;  // check_tiles() says so
    for (unsigned place = 0; place < tile.width; ++place)
      if (tile_hash(**hashes, place) != merkle_leaf_hash(as_bytes(entries[place])))
        add("record-changed", first + place,
            "Record " + std::to_string(first + place) + " is not the one whose hash is in " +
                tile_path({0, tile.index, tile.width, false}) + ".");
  }

  void check_tiles() {
    for (const Tile& tile : new_tiles(0, size())) {
      if (tile.entries) continue;
      const auto found = directory_.tile(tile);
      if (!found || !*found) {
        add("tile-missing", 0,
            found ? "The file " + tile_path(tile) + " is missing." : found.error().message);
        continue;
      }
      const auto wanted = tile_content(tile, tree_.reader());
      if (wanted && *wanted != **found)
        add("tile-changed", 0, "The file " + tile_path(tile) + " is not what its records give.");
    }
  }

  Result<std::string> older_note() const {
    std::error_code ignored;
    const auto path = *options_.against;
    if (!std::filesystem::is_directory(path, ignored)) return read_whole_file(path, kMaxNoteSize);
    auto note = TileDirectory(path).checkpoint();
    if (!note) return note.error();
    if (*note) return std::move(**note);
    return file_fault(path, "not-found", "There is no file \"checkpoint\" in " + path.string() + ".");
  }

  void check_against() {
    const auto note = older_note();
    if (!note) return add("old-unreadable", 0, note.error().message);
    const auto old = parse_signed_checkpoint(*note);
    if (!old) return add("old-unreadable", 0, "Of the older log: " + old.error().message);
    if (options_.key) check_signature(old->note, "The older checkpoint");
    const Checkpoint& before = old->checkpoint;
    if (before.origin != report_.checkpoint->origin)
      return add(
          "other-log", 0,
          "This is the log " + report_.checkpoint->origin + ", and the older one " + before.origin + ".");
    if (before.size > size())
      return add("shorter-than-old", 0,
                 "This log has " + std::to_string(size()) + " records, and the older one " +
                     std::to_string(before.size) + ": records were cut off.");
    if (tree_.size() < before.size) return;  // what is missing was said
    if (tree_.root(before.size) == before.root) return;
    add("not-consistent", first_difference(before.size),
        "The first " + std::to_string(before.size) + " records are not those of the older log.");
  }

  // The first record that is another one than in the older export; 0 if it has no tiles to tell.
  std::int64_t first_difference(std::uint64_t old_size) const {
    TileDirectory old(*options_.against);
    for (std::uint64_t index = 0; index < old_size; ++index) {
      const auto then = old.node({0, index}, old_size);
      if (!then) return 0;
      if (*then != *tree_.node({0, index})) return static_cast<std::int64_t>(index + 1);
    }
    return 0;
  }

  const TileDirectory& directory_;
  const LogCheckOptions& options_;
  LogReport report_;
  MerkleTree tree_;
  std::string time_;
};

}  // namespace

bool LogReport::good() const {
  return std::all_of(findings.begin(), findings.end(),
                     [](const LogFinding& finding) { return finding.warning; });
}

LogReport check_log(const TileDirectory& directory, const LogCheckOptions& options) {
  return LogChecker(directory, options).run();
}

}  // namespace signet::client
