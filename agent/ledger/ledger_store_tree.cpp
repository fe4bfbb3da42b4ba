// The part of the store that answers for the tree over the records.
#include <openssl/rand.h>

#include "agent/ledger/ledger_store.h"
#include "agent/ledger/quarantine_rules.h"

namespace signet {
namespace {

Error no_such_record(std::int64_t sequence, std::int64_t size) {
  boost::json::object parameters{{"kind", "object"}, {"name", "record " + std::to_string(sequence)}};
  return {ErrorName::NotFound,
          "There is no record " + std::to_string(sequence) + " among the first " + std::to_string(size) +
              " of the ledger.",
          std::move(parameters)};
}

}  // namespace

Result<TreeHead> LedgerStore::tree_head() {
  TreeHead head;
  head.branch = checkpoints_.branch();
  head.size = records_.count();
  const auto root = tree_.root(head.size);
  if (!root) return root.error();
  head.root = *root;
  return head;
}

Result<std::optional<MerkleHash>> LedgerStore::tree_root(std::int64_t size) {
  if (size > records_.count()) return std::optional<MerkleHash>();
  const auto root = tree_.root(size);
  if (!root) return root.error();
  return std::optional<MerkleHash>(*root);
}

Result<std::vector<MerkleHash>> LedgerStore::consistency_proof(std::int64_t old_size, std::int64_t new_size) {
  if (old_size < 0 || old_size > new_size || new_size > records_.count())
    return no_such_record(new_size, records_.count());
  auto proof = merkle_consistency_proof(static_cast<std::uint64_t>(old_size),
                                        static_cast<std::uint64_t>(new_size), tree_.reader());
  if (!proof) return database_.fault() ? database_.fault_error() : tree_damaged();
  return std::move(*proof);
}

Result<RecordProof> LedgerStore::record_proof(std::int64_t sequence, std::int64_t size) {
  if (sequence < 1 || sequence > size || size > records_.count()) return no_such_record(sequence, size);
  RecordProof found;
  found.size = size;
  for (const RecordRow& row : records_.read(sequence, 1)) found.statement = row.statement;
  auto proof = merkle_inclusion_proof(static_cast<std::uint64_t>(sequence - 1),
                                      static_cast<std::uint64_t>(size), tree_.reader());
  if (!proof) return database_.fault() ? database_.fault_error() : tree_damaged();
  found.proof = std::move(*proof);
  return found;
}

Result<void> LedgerStore::begin_quarantine(const QuarantineCause& cause) {
  Bytes name(8);
  if (RAND_bytes(name.data(), static_cast<int>(name.size())) != 1)
    return Error{ErrorName::Internal, "The system gives no random numbers. Nothing was changed."};
  auto begun = quarantine_.begin(cause);
  if (begun && loses_history(cause.why)) checkpoints_.start_branch(to_hex(name));
  return begun;
}

}  // namespace signet
