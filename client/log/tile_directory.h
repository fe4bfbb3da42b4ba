// An exported log: a directory as C2SP tlog-tiles has it below its prefix (checkpoint, tile/…). Reads and
// writes its files. One thread at a time.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/checkpoint.h"
#include "protocol/merkle.h"
#include "protocol/result.h"
#include "protocol/tlog_tiles.h"

namespace signet::client {

class TileDirectory {
 public:
  explicit TileDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  const std::filesystem::path& path() const { return path_; }

  // Nothing where there is no such file; FileFault where it cannot be read or is too large to be one.
  Result<std::optional<std::string>> checkpoint() const;
  // A partial tile that is not there is taken from the full one, as far as that goes: a later export may be
  // in progress.
  Result<std::optional<Bytes>> tile(const Tile& tile) const;

  // Each file is replaced as a whole and on the disk when the call returns: 0644 less the umask.
  Result<void> write_tile(const Tile& tile, BytesView content);
  Result<void> write_checkpoint(std::string_view note);
  // Partial tiles whose full one is there.
  void remove_partial(const Tile& full);

  // The hashes of the complete subtrees of a tree of `size` leaves, from its tiles.
  std::optional<MerkleHash> node(MerkleNode node, std::uint64_t size);

 private:
  Result<void> write(const std::filesystem::path& file, std::string_view content);
  std::optional<Bytes> cached_tile(const Tile& tile);

  std::filesystem::path path_;
  std::map<std::string, Bytes> cache_;  // tiles that node() read, by path
};

}  // namespace signet::client
