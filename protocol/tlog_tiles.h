// C2SP tlog-tiles: where the parts of a log lie below its prefix, and what is in them. Pure, thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/merkle.h"
#include "protocol/result.h"

namespace signet {

inline constexpr unsigned kTileHeight = 8;
inline constexpr unsigned kTileWidth = 1U << kTileHeight;  // hashes of a full tile
inline constexpr std::size_t kMaxEntrySize = 65535;        // a 16-bit length goes before each entry
inline constexpr std::string_view kCheckpointPath = "checkpoint";

// One resource of the log: a tile of hashes, or (entries) a bundle of entries.
struct Tile {
  unsigned level = 0;           // 0 for entries
  std::uint64_t index = 0;      // within the level
  unsigned width = kTileWidth;  // 1 to 256; below 256: partial
  bool entries = false;
  bool operator==(const Tile&) const = default;
};

// "tile/0/x001/x234/067", "tile/1/000.p/17", "tile/entries/000.p/3".
std::string tile_path(const Tile& tile);

// All resources of a tree of new_size leaves that one of old_size does not have, bundles included, in the
// order in which they are written: a bundle, then its tile, then the levels above. Partial ones only where
// the new tree ends.
std::vector<Tile> new_tiles(std::uint64_t old_size, std::uint64_t new_size);

// The tile's hashes, 32 bytes each; nothing when one cannot be read.
std::optional<Bytes> tile_content(const Tile& tile, const MerkleReader& read);
// The hash that a tile's bytes have at `place`; the size must fit.
MerkleHash tile_hash(BytesView content, unsigned place);

// Adds an entry of at most kMaxEntrySize bytes to a bundle.
void append_entry(Bytes& bundle, std::string_view entry);
// MetadataInvalid (why "entry-bundle") for a length that ends before its entry does, and for other than
// `count` entries.
Result<std::vector<std::string>> parse_entry_bundle(BytesView bundle, unsigned count);

}  // namespace signet
