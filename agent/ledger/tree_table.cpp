#include "agent/ledger/tree_table.h"

#include <algorithm>

namespace signet {
namespace {

MerkleHash to_hash(const Bytes& bytes) {
  MerkleHash hash{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), hash.size()), hash.begin());
  return hash;
}

}  // namespace

Error tree_damaged() {
  boost::json::object parameters{{"why", "corrupt"}};
  return {
      ErrorName::LedgerUnavailable,
      "The ledger is damaged: a hash of its tree is missing. Keep the damaged file, restore a backup, and "
      "observe every repository before you sign again.",
      std::move(parameters)};
}

Result<void> TreeTable::append(std::int64_t sequence, std::string_view statement) {
  const auto write = [this](MerkleNode node, const MerkleHash& hash) {
    run(database_, "INSERT INTO tree_hashes (position, hash) VALUES (?1, ?2)",
        static_cast<std::int64_t>(merkle_position(node)), Bytes(hash.begin(), hash.end()));
  };
  const auto size = static_cast<std::uint64_t>(sequence - 1);
  const bool whole = merkle_append(size, merkle_leaf_hash(as_bytes(statement)), reader(), write);
  if (!whole && !database_.fault()) return tree_damaged();
  return {};
}

std::optional<MerkleHash> TreeTable::node(MerkleNode wanted) {
  Query row(database_, "SELECT hash FROM tree_hashes WHERE position = ?1",
            static_cast<std::int64_t>(merkle_position(wanted)));
  if (!row.next()) return std::nullopt;
  return to_hash(row.blob(0));
}

Result<MerkleHash> TreeTable::root(std::int64_t size) {
  const auto root = merkle_root(static_cast<std::uint64_t>(size), reader());
  if (root) return *root;
  if (database_.fault()) return database_.fault_error();
  return tree_damaged();
}

std::int64_t TreeTable::count() {
  Query row(database_, "SELECT ifnull(max(position) + 1, 0) FROM tree_hashes");
  return row.next() ? row.integer(0) : 0;
}

void build_tree(Database& database) {
  TreeTable tree(database);
  for (Query row(database, "SELECT sequence, statement FROM records ORDER BY sequence"); row.next();)
    if (!tree.append(row.integer(0), row.text(1))) return;  // of a gap: the check at open names it
}

}  // namespace signet
