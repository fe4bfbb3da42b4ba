// Tiles: the specification's examples of paths and sizes, and bundles cut and stuffed anywhere.
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "protocol/tlog_tiles.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

TEST_CASE("paths are the specification's", "[tiles]") {
  CHECK(tile_path({0, 1234067, 256, false}) == "tile/0/x001/x234/067");
  CHECK(tile_path({0, 0, 256, false}) == "tile/0/000");
  CHECK(tile_path({1, 999, 17, false}) == "tile/1/999.p/17");
  CHECK(tile_path({1, 1000, 256, false}) == "tile/1/x001/000");
  CHECK(tile_path({0, 5, 255, true}) == "tile/entries/005.p/255");
  CHECK(tile_path({0, 1234067, 256, true}) == "tile/entries/x001/x234/067");
}

std::map<unsigned, std::vector<unsigned>> widths(const std::vector<Tile>& tiles) {
  std::map<unsigned, std::vector<unsigned>> found;
  for (const Tile& tile : tiles)
    if (!tile.entries) found[tile.level].push_back(tile.width);
  return found;
}

TEST_CASE("a tree of 70,000 and one of 256 have the tiles that the specification gives them", "[tiles]") {
  auto found = widths(new_tiles(0, 70000));
  REQUIRE(found.size() == 3);
  REQUIRE(found[0].size() == 274);
  CHECK(found[0].back() == 112);
  CHECK(std::vector<unsigned>(found[0].begin(), found[0].end() - 1) == std::vector<unsigned>(273, 256));
  CHECK(found[1] == std::vector<unsigned>{256, 17});
  CHECK(found[2] == std::vector<unsigned>{1});
  found = widths(new_tiles(0, 256));
  CHECK(found == std::map<unsigned, std::vector<unsigned>>{{0, {256}}, {1, {1}}});
  CHECK(new_tiles(0, 0).empty());
  CHECK(new_tiles(70000, 70000).empty());
}

// Whatever steps a log grows in, no resource is missing and none is written twice.
TEST_CASE("tiles of steps add up to those of the whole", "[tiles]") {
  std::mt19937_64 random(7);
  for (int attempt = 0; attempt < 50; ++attempt) {
    std::set<std::string> seen;
    std::uint64_t size = 0;
    for (int step = 0; step < 8; ++step) {
      const std::uint64_t next = size + random() % 400;
      for (const Tile& tile : new_tiles(size, next)) CHECK(seen.insert(tile_path(tile)).second);
      size = next;
    }
    for (const Tile& tile : new_tiles(0, size)) CHECK(seen.count(tile_path(tile)) == 1);
  }
}

TEST_CASE("a tile's content is the hashes of its subtrees", "[tiles]") {
  MerkleTree tree;
  for (int number = 0; number < 600; ++number)
    tree.append(merkle_leaf_hash(as_bytes(std::to_string(number))));
  const auto content = tile_content({1, 0, 2, false}, tree.reader());
  REQUIRE(content);
  REQUIRE(content->size() == 64);
  CHECK(tile_hash(*content, 0) == tree.root(256));
  CHECK(tile_hash(*content, 1) == *tree.node({8, 1}));
  CHECK_THROWS_AS(tile_hash(*content, 2), std::logic_error);
  CHECK_FALSE(tile_content({1, 0, 3, false}, tree.reader()));
}

TEST_CASE("a bundle gives its entries back, up to the largest", "[tiles]") {
  const std::vector<std::string> entries{"one", "", std::string(kMaxEntrySize, 'x')};
  Bytes bundle;
  for (const std::string& entry : entries) append_entry(bundle, entry);
  CHECK(bundle.size() == 6 + 3 + kMaxEntrySize);
  CHECK(parse_entry_bundle(bundle, 3).value() == entries);
  CHECK_THROWS_AS(append_entry(bundle, std::string(kMaxEntrySize + 1, 'x')), std::logic_error);
  CHECK_FALSE(parse_entry_bundle(bundle, 2));
  CHECK_FALSE(parse_entry_bundle(bundle, 4));
}

TEST_CASE("a bundle cut anywhere is refused", "[tiles]") {
  Bytes bundle;
  for (const char* entry : {"one", "twelve", "3"}) append_entry(bundle, entry);
  for (std::size_t size = 0; size < bundle.size(); ++size)
    CHECK_FALSE(parse_entry_bundle(BytesView(bundle).first(size), 3));
}

}  // namespace
}  // namespace signet::test
