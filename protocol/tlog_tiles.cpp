#include "protocol/tlog_tiles.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "protocol/metadata_error.h"

namespace signet {
namespace {

// The index in groups of three digits; all but the last begin with an "x".
std::string index_path(std::uint64_t index) {
  std::string path;
  for (bool last = true; last || index > 0; last = false, index /= 1000) {
    std::string group = std::to_string(index % 1000);
    group.insert(0, 3 - group.size(), '0');
    path.insert(0, last ? group : "x" + group + "/");
  }
  return path;
}

// The tiles of one level that the new tree has and the old one has not.
void add_level(unsigned level, bool entries, std::uint64_t old_hashes, std::uint64_t new_hashes,
               std::vector<Tile>& tiles) {
  if (old_hashes == new_hashes) return;
  const std::uint64_t full = new_hashes / kTileWidth;
  for (std::uint64_t index = old_hashes / kTileWidth; index < full; ++index)
    tiles.push_back({level, index, kTileWidth, entries});
  const auto rest = static_cast<unsigned>(new_hashes % kTileWidth);
  if (rest != 0) tiles.push_back({level, full, rest, entries});
}

Error bad_bundle(std::size_t offset, const std::string& what) {
  return metadata_invalid(
      "@" + std::to_string(offset), "entry-bundle",
      "The entry bundle is malformed: " + what + " at byte " + std::to_string(offset) + ".");
}

}  // namespace

std::string tile_path(const Tile& tile) {
  std::string path = "tile/" + (tile.entries ? std::string("entries") : std::to_string(tile.level)) + "/" +
                     index_path(tile.index);
  if (tile.width < kTileWidth) path += ".p/" + std::to_string(tile.width);
  return path;
}

std::vector<Tile> new_tiles(std::uint64_t old_size, std::uint64_t new_size) {
  std::vector<Tile> tiles;
  add_level(0, true, old_size, new_size, tiles);
  for (unsigned level = 0; new_size >> (level * kTileHeight) != 0; ++level) {
    add_level(level, false, old_size >> (level * kTileHeight), new_size >> (level * kTileHeight), tiles);
    if ((level + 1) * kTileHeight >= 64) break;
  }
  return tiles;
}

std::optional<Bytes> tile_content(const Tile& tile, const MerkleReader& read) {
  Bytes content;
  content.reserve(tile.width * std::size_t{32});
  for (unsigned place = 0; place < tile.width; ++place) {
    const auto hash = read({tile.level * kTileHeight, tile.index * kTileWidth + place});
    if (!hash) return std::nullopt;
    content.insert(content.end(), hash->begin(), hash->end());
  }
  return content;
}

MerkleHash tile_hash(BytesView content, unsigned place) {
  MerkleHash hash{};
  const std::size_t offset = place * hash.size();
  if (offset + hash.size() > content.size()) throw std::logic_error("a tile is read beyond its end");
  std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(offset), hash.size(), hash.begin());
  return hash;
}

void append_entry(Bytes& bundle, std::string_view entry) {
  if (entry.size() > kMaxEntrySize) throw std::logic_error("an entry does not fit its 16-bit length");
  bundle.push_back(static_cast<std::uint8_t>(entry.size() >> 8));
  bundle.push_back(static_cast<std::uint8_t>(entry.size() & 0xff));
  bundle.insert(bundle.end(), entry.begin(), entry.end());
}

Result<std::vector<std::string>> parse_entry_bundle(BytesView bundle, unsigned count) {
  std::vector<std::string> entries;
  std::size_t offset = 0;
  while (offset < bundle.size()) {
    if (entries.size() == count) return bad_bundle(offset, "there is more than its entries");
    if (bundle.size() - offset < 2) return bad_bundle(offset, "a length is cut off");
    const std::size_t size = (std::size_t{bundle[offset]} << 8) | bundle[offset + 1];
    offset += 2;
    if (bundle.size() - offset < size) return bad_bundle(offset, "an entry is cut off");
    entries.emplace_back(as_text(bundle.subspan(offset, size)));
    offset += size;
  }
  if (entries.size() != count)
    return bad_bundle(offset, "it ends after " + std::to_string(entries.size()) + " of " +
                                  std::to_string(count) + " entries");
  return entries;
}

}  // namespace signet
