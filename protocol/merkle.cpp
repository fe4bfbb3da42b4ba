#include "protocol/merkle.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace signet {
namespace {

constexpr std::uint8_t kLeafPrefix = 0x00;
constexpr std::uint8_t kNodePrefix = 0x01;

// The largest power of two below size, which is at least 2 (RFC 6962 calls it k).
std::uint64_t split(std::uint64_t size) {
  return std::bit_floor(size - 1);
}

// MTH(D[begin:end]) of a range that the tree's recursive splitting makes.
std::optional<MerkleHash> range_hash(std::uint64_t begin, std::uint64_t end, const MerkleReader& read) {
  const std::uint64_t size = end - begin;
  if (std::has_single_bit(size)) {
    const auto level = static_cast<unsigned>(std::countr_zero(size));
    return read({level, begin >> level});
  }
  const std::uint64_t middle = begin + split(size);
  const auto left = range_hash(begin, middle, read);
  const auto right = range_hash(middle, end, read);
  if (!left || !right) return std::nullopt;
  return merkle_node_hash(*left, *right);
}

// Collects the hashes of ranges, and whether all could be had.
class ProofBuilder {
 public:
  explicit ProofBuilder(const MerkleReader& read) : read_(read) {}

  void add(std::uint64_t begin, std::uint64_t end) {
    const auto hash = range_hash(begin, end, read_);
    if (hash) hashes_.push_back(*hash);
    complete_ = complete_ && hash;
  }
  // What was added last comes first: the descent below starts at the root.
  std::optional<std::vector<MerkleHash>> upwards() {
    if (!complete_) return std::nullopt;
    std::reverse(hashes_.begin(), hashes_.end());
    return std::move(hashes_);
  }

 private:
  const MerkleReader& read_;
  std::vector<MerkleHash> hashes_;
  bool complete_ = true;
};

}  // namespace

MerkleHash merkle_leaf_hash(BytesView entry) {
  return sha256_of({{&kLeafPrefix, 1}, entry});
}

MerkleHash merkle_node_hash(const MerkleHash& left, const MerkleHash& right) {
  return sha256_of({{&kNodePrefix, 1}, left, right});
}

MerkleHash merkle_empty_root() {
  return sha256_of({});
}

std::uint64_t merkle_node_count(std::uint64_t size) {
  return 2 * size - static_cast<std::uint64_t>(std::popcount(size));
}

std::uint64_t merkle_position(MerkleNode node) {
  const std::uint64_t last_leaf = ((node.index + 1) << node.level) - 1;
  return merkle_node_count(last_leaf) + node.level;
}

bool merkle_append(std::uint64_t size, const MerkleHash& leaf, const MerkleReader& read,
                   const MerkleSink& write) {
  MerkleHash hash = leaf;
  write({0, size}, hash);
  for (unsigned level = 0; ((size >> level) & 1) != 0; ++level) {
    const auto left = read({level, (size >> level) - 1});
    if (!left) return false;
    hash = merkle_node_hash(*left, hash);
    write({level + 1, size >> (level + 1)}, hash);
  }
  return true;
}

std::optional<MerkleHash> merkle_root(std::uint64_t size, const MerkleReader& read) {
  return size == 0 ? merkle_empty_root() : range_hash(0, size, read);
}

std::optional<std::vector<MerkleHash>> merkle_inclusion_proof(std::uint64_t index, std::uint64_t size,
                                                              const MerkleReader& read) {
  if (index >= size) return std::nullopt;
  ProofBuilder proof(read);
  std::uint64_t begin = 0, end = size;
  while (end - begin > 1) {
    const std::uint64_t middle = begin + split(end - begin);
    if (index < middle) {
      proof.add(middle, end);
      end = middle;
    } else {
      proof.add(begin, middle);
      begin = middle;
    }
  }
  return proof.upwards();
}

std::optional<std::vector<MerkleHash>> merkle_consistency_proof(std::uint64_t old_size,
                                                                std::uint64_t new_size,
                                                                const MerkleReader& read) {
  if (old_size > new_size) return std::nullopt;
  if (old_size == 0 || old_size == new_size) return std::vector<MerkleHash>();
  ProofBuilder proof(read);
  std::uint64_t begin = 0, end = new_size;
  // SUBPROOF: down to the range that ends where the old tree ends.
  while (end != old_size) {
    const std::uint64_t middle = begin + split(end - begin);
    if (old_size <= middle) {
      proof.add(middle, end);
      end = middle;
    } else {
      proof.add(begin, middle);
      begin = middle;
    }
  }
  if (begin != 0) proof.add(begin, end);  // else it is the old root itself, which the verifier has
  return proof.upwards();
}

// RFC 9162 section 2.1.3.2, which is the same tree.
bool verify_inclusion(std::uint64_t index, std::uint64_t size, const MerkleHash& leaf,
                      const std::vector<MerkleHash>& proof, const MerkleHash& root) {
  if (index >= size) return false;
  std::uint64_t node = index, last = size - 1;
  MerkleHash hash = leaf;
  for (const MerkleHash& sibling : proof) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      hash = merkle_node_hash(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = merkle_node_hash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

// RFC 9162 section 2.1.4.2.
bool verify_consistency(std::uint64_t old_size, std::uint64_t new_size, const MerkleHash& old_root,
                        const MerkleHash& new_root, const std::vector<MerkleHash>& proof) {
  if (old_size > new_size) return false;
  if (old_size == new_size) return proof.empty() && old_root == new_root;
  if (old_size == 0) return proof.empty() && old_root == merkle_empty_root();
  auto next = proof.begin();
  std::uint64_t node = old_size - 1, last = new_size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  MerkleHash seed = old_root;  // where the old tree is one complete subtree, the proof leaves it out
  if (node != 0) {
    if (next == proof.end()) return false;
    seed = *next++;
  }
  MerkleHash from_old = seed, from_new = seed;
  for (; next != proof.end(); ++next) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      from_old = merkle_node_hash(*next, from_old);
      from_new = merkle_node_hash(*next, from_new);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      from_new = merkle_node_hash(from_new, *next);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && from_old == old_root && from_new == new_root;
}

void MerkleTree::append(const MerkleHash& leaf) {
  merkle_append(size_, leaf, reader(),
                [this](MerkleNode, const MerkleHash& hash) { nodes_.push_back(hash); });
  ++size_;
}

std::optional<MerkleHash> MerkleTree::node(MerkleNode wanted) const {
  const std::uint64_t position = merkle_position(wanted);
  if (position >= nodes_.size()) return std::nullopt;
  return nodes_[position];
}

MerkleHash MerkleTree::root(std::uint64_t size) const {
  if (size > size_) throw std::logic_error("the root of a tree that is larger than the one there is");
  return *merkle_root(size, reader());
}

}  // namespace signet
