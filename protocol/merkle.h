// The Merkle tree of RFC 6962 section 2.1 over SHA-256: hashes, the root of any size, and proofs.
//
// A tree is stored as the hashes of its complete subtrees, which never change once they are there. Everything
// else (roots, proofs, for every size up to the present one) is computed from O(log n) of them. Pure, thread
// safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/sha256.h"

namespace signet {

using MerkleHash = Sha256;

MerkleHash merkle_leaf_hash(BytesView entry);                                  // SHA-256(0x00 || entry)
MerkleHash merkle_node_hash(const MerkleHash& left, const MerkleHash& right);  // SHA-256(0x01 || l || r)
MerkleHash merkle_empty_root();                                                // SHA-256("")
inline constexpr std::uint64_t kMaxTreeSize = std::uint64_t{1} << 62;

// The complete subtree over the leaves [index << level, (index + 1) << level); level 0 is a leaf.
struct MerkleNode {
  unsigned level = 0;
  std::uint64_t index = 0;
  bool operator==(const MerkleNode&) const = default;
};

// Where a node lies when all complete subtrees are written one after the other, in the order in which growing
// by one leaf after the other completes them: leaves 0, 1, their parent, leaf 2, …
std::uint64_t merkle_position(MerkleNode node);
// How many complete subtrees a tree of `size` leaves has.
std::uint64_t merkle_node_count(std::uint64_t size);

// Gives a complete subtree's hash; nothing when it cannot be had.
using MerkleReader = std::function<std::optional<MerkleHash>(MerkleNode)>;
using MerkleSink = std::function<void(MerkleNode, const MerkleHash&)>;

// Adds the leaf number `size` (from 0) to a tree of that size: hands `write` the subtrees that it completes,
// in the order of their positions. False, with nothing or not all written, if one that is needed cannot be
// read.
bool merkle_append(std::uint64_t size, const MerkleHash& leaf, const MerkleReader& read,
                   const MerkleSink& write);

// MTH(D[0:size]).
std::optional<MerkleHash> merkle_root(std::uint64_t size, const MerkleReader& read);

// PATH(index, D[0:size]), RFC 6962 section 2.1.1: from the leaf's sibling to the root's child. Nothing for an
// index that is not below size.
std::optional<std::vector<MerkleHash>> merkle_inclusion_proof(std::uint64_t index, std::uint64_t size,
                                                              const MerkleReader& read);
// PROOF(old_size, D[0:new_size]), section 2.1.2. Empty for an old size of 0 and for equal sizes; nothing for
// an old size above the new one.
std::optional<std::vector<MerkleHash>> merkle_consistency_proof(std::uint64_t old_size,
                                                                std::uint64_t new_size,
                                                                const MerkleReader& read);

// Whether the proof shows that `leaf` is number `index` of the tree with this size and root.
bool verify_inclusion(std::uint64_t index, std::uint64_t size, const MerkleHash& leaf,
                      const std::vector<MerkleHash>& proof, const MerkleHash& root);
// Whether the proof shows that the old tree is a prefix of the new one. For equal sizes the roots must be
// equal, for an old size of 0 its root must be that of the empty tree; the proof must be empty then.
bool verify_consistency(std::uint64_t old_size, std::uint64_t new_size, const MerkleHash& old_root,
                        const MerkleHash& new_root, const std::vector<MerkleHash>& proof);

// A tree in memory, all of its nodes: for offline checks and tests. A value.
class MerkleTree {
 public:
  void append(const MerkleHash& leaf);
  std::uint64_t size() const { return size_; }
  // A node of the tree; nothing for one that is not complete.
  std::optional<MerkleHash> node(MerkleNode node) const;
  MerkleReader reader() const {
    return [this](MerkleNode wanted) { return node(wanted); };
  }
  // Of any size up to size(); a size above it is a bug.
  MerkleHash root(std::uint64_t size) const;
  MerkleHash root() const { return root(size_); }

 private:
  std::uint64_t size_ = 0;
  std::vector<MerkleHash> nodes_;  // by position
};

}  // namespace signet
