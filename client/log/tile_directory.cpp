#include "client/log/tile_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "client/file_io.h"

namespace signet::client {
namespace {

namespace fs = std::filesystem;

// A full bundle of the largest entries.
constexpr std::size_t kMaxTileFile = std::size_t{kTileWidth} * (kMaxEntrySize + 2);
constexpr std::size_t kCachedTiles = 64;

Result<std::optional<std::string>> read_if_there(const fs::path& file, std::size_t max_size) {
  auto content = read_whole_file(file, max_size);
  if (content) return std::optional<std::string>(std::move(*content));
  const Error error = content.error();
  const auto* why = error.parameters.if_contains("why");
  if (why && *why == "not-found") return std::optional<std::string>();
  return error;
}

Error directory_fault(const fs::path& path, int code) {
  return file_fault(path, code == ENOSPC ? "disk-full" : "failed",
                    "The directory " + path.string() + " cannot be made or synced: " + std::strerror(code) +
                        ". Mend that and export again; nothing that was there is lost.");
}

// Directories that are new are on the disk before what is in them counts.
Result<void> make_directories(const fs::path& path) {
  std::error_code failed;
  if (fs::is_directory(path, failed)) return {};
  if (path.has_parent_path())
    if (auto made = make_directories(path.parent_path()); !made) return made;
  fs::create_directory(path, failed);
  if (failed) return directory_fault(path, failed.value());
  const fs::path above = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const int fd = ::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int code = fd >= 0 && ::fsync(fd) == 0 ? 0 : errno;
  if (fd >= 0) ::close(fd);
  if (code != 0) return directory_fault(above, code);
  return {};
}

}  // namespace

Result<std::optional<std::string>> TileDirectory::checkpoint() const {
  return read_if_there(path_ / kCheckpointPath, kMaxNoteSize);
}

Result<std::optional<Bytes>> TileDirectory::tile(const Tile& tile) const {
  auto content = read_if_there(path_ / tile_path(tile), kMaxTileFile);
  if (!content) return content.error();
  if (*content) return std::optional<Bytes>(to_bytes(as_bytes(**content)));
  if (tile.width == kTileWidth) return std::optional<Bytes>();
  Tile full = tile;
  full.width = kTileWidth;
  content = read_if_there(path_ / tile_path(full), kMaxTileFile);
  if (!content) return content.error();
  if (!*content) return std::optional<Bytes>();
  Bytes bytes = to_bytes(as_bytes(**content));
  if (!tile.entries) {
    bytes.resize(std::min(bytes.size(), std::size_t{tile.width} * 32));
    return std::optional<Bytes>(std::move(bytes));
  }
  const auto entries = parse_entry_bundle(bytes, kTileWidth);
  if (!entries) return std::optional<Bytes>(std::move(bytes));  // malformed: whoever parses it says so
  Bytes first;
  for (unsigned place = 0; place < tile.width; ++place) append_entry(first, (*entries)[place]);
  return std::optional<Bytes>(std::move(first));
}

Result<void> TileDirectory::write(const fs::path& file, std::string_view content) {
  if (auto made = make_directories(file.parent_path()); !made) return made;
  return write_file(file, content, Existing::Replace);
}

Result<void> TileDirectory::write_tile(const Tile& tile, BytesView content) {
  return write(path_ / tile_path(tile), as_text(content));
}

Result<void> TileDirectory::write_checkpoint(std::string_view note) {
  return write(path_ / kCheckpointPath, note);
}

void TileDirectory::remove_partial(const Tile& full) {
  std::error_code ignored;
  fs::remove_all(path_ / (tile_path(full) + ".p"), ignored);
}

std::optional<Bytes> TileDirectory::cached_tile(const Tile& wanted) {
  const std::string name = tile_path(wanted);
  if (const auto known = cache_.find(name); known != cache_.end()) return known->second;
  auto content = tile(wanted);
  if (!content || !*content || (*content)->size() != std::size_t{wanted.width} * 32) return std::nullopt;
  if (cache_.size() >= kCachedTiles) cache_.clear();
  return cache_.emplace(name, std::move(**content)).first->second;
}

// A node between the levels that tiles have is made of those below it in the same tile.
std::optional<MerkleHash> TileDirectory::node(MerkleNode wanted, std::uint64_t size) {
  const unsigned level = wanted.level / kTileHeight;
  const unsigned above = wanted.level % kTileHeight;
  const std::uint64_t first = wanted.index << above;
  const std::uint64_t there = size >> (level * kTileHeight);
  Tile tile{level, first / kTileWidth, kTileWidth, false};
  if ((tile.index + 1) * kTileWidth > there) tile.width = static_cast<unsigned>(there % kTileWidth);
  const auto place = static_cast<unsigned>(first % kTileWidth);
  const unsigned count = 1U << above;
  if (tile.index * kTileWidth >= there || place + count > tile.width) return std::nullopt;
  const auto content = cached_tile(tile);
  if (!content) return std::nullopt;
  std::vector<MerkleHash> hashes;
  for (unsigned offset = 0; offset < count; ++offset) hashes.push_back(tile_hash(*content, place + offset));
  while (hashes.size() > 1) {
    for (std::size_t pair = 0; 2 * pair < hashes.size(); ++pair)
      hashes[pair] = merkle_node_hash(hashes[2 * pair], hashes[2 * pair + 1]);
    hashes.resize(hashes.size() / 2);
  }
  return hashes.front();
}

}  // namespace signet::client
