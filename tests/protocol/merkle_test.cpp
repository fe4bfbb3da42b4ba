// The tree against its definition (RFC 6962 section 2.1, written down here as it stands there), for every
// size up to some hundreds; and every proof with anything in it changed.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "protocol/merkle.h"

namespace signet::test {
namespace {

using Hashes = std::vector<MerkleHash>;

MerkleHash leaf(std::uint64_t number) {
  return merkle_leaf_hash(as_bytes("entry " + std::to_string(number)));
}

// MTH of section 2.1, by its recursion alone.
MerkleHash definition(const Hashes& leaves) {
  if (leaves.empty()) return merkle_empty_root();
  if (leaves.size() == 1) return leaves[0];
  std::size_t k = 1;
  while (2 * k < leaves.size()) k *= 2;
  const auto middle = leaves.begin() + static_cast<std::ptrdiff_t>(k);
  return merkle_node_hash(definition({leaves.begin(), middle}), definition({middle, leaves.end()}));
}

struct Grown {
  MerkleTree tree;
  Hashes leaves;
};
Grown grow(std::uint64_t size) {
  Grown grown;
  for (std::uint64_t number = 0; number < size; ++number) {
    grown.leaves.push_back(leaf(number));
    grown.tree.append(grown.leaves.back());
  }
  return grown;
}

std::string hex(const MerkleHash& hash) {
  return to_hex(hash);
}

// The vectors that Certificate Transparency's implementations share (entries and roots of sizes 1 to 8).
TEST_CASE("the known vectors of Certificate Transparency have their roots", "[merkle]") {
  const std::vector<std::string> entries{
      "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
  MerkleTree tree;
  CHECK(hex(tree.root()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (const std::string& entry : entries) tree.append(merkle_leaf_hash(*from_hex(entry)));
  CHECK(hex(tree.root(1)) == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  CHECK(hex(tree.root(2)) == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
  CHECK(hex(tree.root(3)) == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77");
  CHECK(hex(tree.root(7)) == "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c");
  CHECK(hex(tree.root(8)) == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

TEST_CASE("the roots of all sizes are those of the definition", "[merkle]") {
  const Grown grown = grow(300);
  for (std::uint64_t size = 0; size <= 300; ++size) {
    const auto end = grown.leaves.begin() + static_cast<std::ptrdiff_t>(size);
    if (grown.tree.root(size) != definition({grown.leaves.begin(), end})) FAIL("size " << size);
  }
  CHECK_THROWS_AS(grown.tree.root(301), std::logic_error);
}

TEST_CASE("positions count the subtrees in the order in which they are completed", "[merkle]") {
  std::uint64_t expected = 0;
  const auto read = [](MerkleNode) { return std::optional<MerkleHash>(MerkleHash{}); };
  for (std::uint64_t size = 0; size < 5000; ++size) {
    REQUIRE(merkle_node_count(size) == expected);
    merkle_append(size, {}, read, [&](MerkleNode node, const MerkleHash&) {
      if (merkle_position(node) != expected++) FAIL("level " << node.level << " index " << node.index);
    });
  }
}

TEST_CASE("a subtree that cannot be read is said, not made up", "[merkle]") {
  const auto nothing = [](MerkleNode) { return std::optional<MerkleHash>(); };
  CHECK_FALSE(merkle_append(1, {}, nothing, [](MerkleNode, const MerkleHash&) {}));
  CHECK_FALSE(merkle_root(3, nothing));
  CHECK_FALSE(merkle_inclusion_proof(1, 3, nothing));
  CHECK_FALSE(merkle_consistency_proof(2, 3, nothing));
}

TEST_CASE("every inclusion proof verifies, and with nothing changed only", "[merkle]") {
  constexpr std::uint64_t kSizes = 70;
  const Grown grown = grow(kSizes);
  std::size_t tries = 0;
  for (std::uint64_t size = 1; size <= kSizes; ++size)
    for (std::uint64_t index = 0; index < size; ++index) {
      const MerkleHash root = grown.tree.root(size);
      const Hashes proof = *merkle_inclusion_proof(index, size, grown.tree.reader());
      if (!verify_inclusion(index, size, leaf(index), proof, root)) FAIL(index << " of " << size);
      const auto refused = [&](std::uint64_t i, std::uint64_t n, const MerkleHash& l, const Hashes& p) {
        ++tries;
        if (verify_inclusion(i, n, l, p, root))
          FAIL("taken: " << i << " of " << n << " for " << index << "/" << size);
      };
      refused(index, size, leaf(index + 1), proof);
      refused(size, size, leaf(index), proof);
      for (std::uint64_t other = 0; other < size; ++other)
        if (other != index) refused(other, size, leaf(index), proof);
      Hashes longer = proof;
      longer.push_back(root);
      refused(index, size, leaf(index), longer);
      for (std::size_t place = 0; place < proof.size(); ++place) {
        Hashes changed = proof;
        changed[place][5] ^= 1;
        refused(index, size, leaf(index), changed);
        Hashes shorter = proof;
        shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(place));
        refused(index, size, leaf(index), shorter);
      }
    }
  CHECK(tries > 100'000);
  CHECK_FALSE(merkle_inclusion_proof(3, 3, grown.tree.reader()));
}

TEST_CASE("every consistency proof verifies, and with nothing changed only", "[merkle]") {
  constexpr std::uint64_t kSizes = 70;
  const Grown grown = grow(kSizes);
  std::size_t tries = 0;
  for (std::uint64_t now = 0; now <= kSizes; ++now)
    for (std::uint64_t before = 0; before <= now; ++before) {
      const MerkleHash old_root = grown.tree.root(before), new_root = grown.tree.root(now);
      const Hashes proof = *merkle_consistency_proof(before, now, grown.tree.reader());
      if (!verify_consistency(before, now, old_root, new_root, proof)) FAIL(before << " to " << now);
      const auto refused = [&](const MerkleHash& a, const MerkleHash& b, const Hashes& p) {
        ++tries;
        if (verify_consistency(before, now, a, b, p)) FAIL("taken: " << before << " to " << now);
      };
      MerkleHash other = old_root;
      other[31] ^= 0x80;
      refused(other, new_root, proof);
      if (before > 0) {  // an empty tree is a prefix of everything
        other = new_root;
        other[0] ^= 1;
        refused(old_root, other, proof);
      }
      Hashes longer = proof;
      longer.push_back(new_root);
      refused(old_root, new_root, longer);
      for (std::size_t place = 0; place < proof.size(); ++place) {
        Hashes changed = proof;
        changed[place][0] ^= 1;
        refused(old_root, new_root, changed);
        Hashes shorter = proof;
        shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(place));
        refused(old_root, new_root, shorter);
      }
    }
  CHECK(tries > 20'000);
  CHECK_FALSE(merkle_consistency_proof(4, 3, grown.tree.reader()));
  CHECK_FALSE(verify_consistency(4, 3, grown.tree.root(4), grown.tree.root(3), {}));
}

// Two logs that part at a leaf: no proof of one is a proof of the other.
TEST_CASE("a log that was rewritten is not consistent with what it was", "[merkle]") {
  std::mt19937_64 random(1);
  const Grown grown = grow(200);
  for (int attempt = 0; attempt < 2000; ++attempt) {
    const std::uint64_t before = 1 + random() % 199;
    const std::uint64_t changed = random() % before;
    MerkleTree other;
    for (std::uint64_t number = 0; number < 200; ++number)
      other.append(number == changed ? leaf(1000 + number) : leaf(number));
    const Hashes proof = *merkle_consistency_proof(before, 200, other.reader());
    if (verify_consistency(before, 200, grown.tree.root(before), other.root(), proof))
      FAIL("leaf " << changed << " changed, old size " << before);
  }
}

}  // namespace
}  // namespace signet::test
