#include "agent/ledger/ledger_check.h"

#include <algorithm>

#include "agent/ledger/checkpoint_table.h"
#include "protocol/checkpoint.h"
#include "protocol/public_key.h"

namespace signet {
namespace {

constexpr std::int64_t kStep = 1000;

void add(std::vector<LedgerFinding>& findings, const char* name, std::int64_t sequence, std::string message,
         bool warning = false) {
  if (findings.size() < kMaxLedgerFindings) findings.push_back({name, sequence, std::move(message), warning});
}

std::string record_name(std::int64_t sequence) {
  return "record " + std::to_string(sequence);
}

std::string salted_hash(const Bytes& salt, const std::string& detail) {
  Bytes input = salt;
  input.insert(input.end(), detail.begin(), detail.end());
  return sha256_hex(input);
}

}  // namespace

std::optional<std::int64_t> LedgerCheck::step(std::int64_t first, std::int64_t limit,
                                              std::vector<LedgerFinding>& findings) {
  std::string time;
  if (Query row(database_, "SELECT time FROM records WHERE sequence = ?1", first - 1); row.next())
    time = row.text(0);
  std::int64_t expected = first, count = 0;
  for (Query row(database_,
                 "SELECT sequence, time, kind, statement, salt, detail_hash, detail FROM records"
                 " WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2",
                 first, limit);
       row.next(); ++count, ++expected) {
    const Row found{row.integer(0), row.text(1), row.text(2), row.text(3),
                    row.text(5),    row.text(6), row.blob(4)};
    if (found.sequence != expected) {
      add(findings, "record-missing", expected,
          "The ledger has no " + record_name(expected) + "; the next one is " +
              std::to_string(found.sequence) + ".");
      expected = found.sequence;
    }
    check_row(found, time, findings);
    time = found.time;
  }
  if (count == limit) return expected;
  check_whole(expected - 1, findings);
  return std::nullopt;
}

void LedgerCheck::check_row(const Row& row, const std::string& time_before,
                            std::vector<LedgerFinding>& findings) {
  const std::string name = record_name(row.sequence);
  const auto statement = parse_record_statement(row.statement);
  if (!statement) {
    const Error error = statement.error();
    add(findings, error.parameters.at("why").as_string().c_str(), row.sequence,
        "Of " + name + ": " + error.message);
  } else {
    if (statement->sequence != row.sequence)
      add(findings, "record-out-of-place", row.sequence,
          "In the place of " + name + " lies the statement of " + record_name(statement->sequence) + ".");
    if (statement->time != row.time || statement->kind != row.kind ||
        statement->detail_hash != row.detail_hash)
      add(findings, "record-columns-differ", row.sequence,
          "The time, kind or detail's hash of " + name + " is not what its statement says.");
    if (row.time < time_before)
      add(findings, "time-backwards", row.sequence,
          "The time of " + name + " (" + row.time + ") is before that of the record before it (" +
              time_before + "): the clock was set back.",
          true);
  }
  if (salted_hash(row.salt, row.detail) != row.detail_hash)
    add(findings, "detail-changed", row.sequence,
        "The private detail of " + name + " is not what its salted hash says.");
  check_nodes(row, findings);
}

// The leaf, and every node that it completed, from what is stored below.
void LedgerCheck::check_nodes(const Row& row, std::vector<LedgerFinding>& findings) {
  const auto leaf = merkle_leaf_hash(as_bytes(row.statement));
  const auto index = static_cast<std::uint64_t>(row.sequence - 1);
  if (tree_.node({0, index}) != leaf)
    add(findings, "record-changed", row.sequence,
        "The statement of " + record_name(row.sequence) + " is not the one that the ledger's tree has.");
  for (unsigned level = 0; ((index >> level) & 1) != 0; ++level) {
    const auto left = tree_.node({level, (index >> level) - 1});
    const auto right = tree_.node({level, index >> level});
    const auto parent = tree_.node({level + 1, index >> (level + 1)});
    if (!left || !right || !parent || *parent != merkle_node_hash(*left, *right))
      add(findings, "tree-changed", row.sequence,
          "A hash of the ledger's tree, completed by " + record_name(row.sequence) +
              ", is not that of its two parts.");
  }
}

void LedgerCheck::check_whole(std::int64_t records, std::vector<LedgerFinding>& findings) {
  const std::int64_t hashes = tree_.count();
  const auto wanted = static_cast<std::int64_t>(merkle_node_count(static_cast<std::uint64_t>(records)));
  if (hashes > wanted)
    add(findings, "records-truncated", 0,
        "The ledger's tree has more leaves than there are records (" + std::to_string(records) +
            "): records were cut off.");
  if (hashes < wanted)
    add(findings, "tree-truncated", 0,
        "The ledger's tree has fewer leaves than there are records (" + std::to_string(records) + ").");
  check_checkpoint(records, findings);
}

void LedgerCheck::check_checkpoint(std::int64_t records, std::vector<LedgerFinding>& findings) {
  const KeptCheckpoint kept = CheckpointTable(database_).newest();
  if (kept.note.empty()) return;
  const auto parsed = parse_signed_checkpoint(kept.note);
  if (!parsed || parsed->checkpoint.size != static_cast<std::uint64_t>(kept.size) ||
      parsed->checkpoint.root != kept.root)
    add(findings, "checkpoint-malformed", 0,
        "The newest checkpoint that the ledger keeps is not what the ledger says of it.");
  if (kept.size > records)
    return add(findings, "ledger-truncated", 0,
               "A checkpoint of " + std::to_string(kept.size) + " records was signed, but the ledger has " +
                   std::to_string(records) + ".");
  const auto root = tree_.root(kept.size);
  if (root && *root != kept.root)
    add(findings, "checkpoint-differs", 0,
        "The first " + std::to_string(kept.size) +
            " records are not those of the newest checkpoint that was signed.");
}

Result<void> check_untampered(Database& database) {
  LedgerCheck check(database);
  std::vector<LedgerFinding> findings;
  std::optional<std::int64_t> next = 1;
  while (next && !database.fault()) next = check.step(*next, kStep, findings);
  if (database.fault()) return database.fault_error();
  const auto bad = std::find_if(findings.begin(), findings.end(),
                                [](const LedgerFinding& finding) { return !finding.warning; });
  if (bad == findings.end()) return {};
  boost::json::object parameters{{"why", "tampered"}};
  return Error{ErrorName::LedgerUnavailable,
               "The ledger was tampered with (" + bad->name + "): " + bad->message +
                   " Keep this file as evidence, restore a backup, and observe every repository before you "
                   "sign again.",
               std::move(parameters)};
}

}  // namespace signet
