#include "agent/ledger/record_index.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <limits>

#include "protocol/ledger_record.h"

namespace signet {
namespace {

// One walk's SQL, oldest first and newest first. Each is answered by one index, in its order: nothing is
// sorted. ?1 where to go on, ?2 the lowest sequence, ?3 how many, ?4 what the index is asked for.
struct Walk {
  std::string_view forward, backward;
};
constexpr Walk kAll{
    "SELECT sequence, time, kind, repository, role, outcome, uid FROM record_index"
    " WHERE sequence > ?1 AND sequence >= ?2 ORDER BY sequence LIMIT ?3",
    "SELECT sequence, time, kind, repository, role, outcome, uid FROM record_index"
    " WHERE sequence < ?1 AND sequence >= ?2 ORDER BY sequence DESC LIMIT ?3"};
constexpr Walk kOfRepository{
    "SELECT sequence, time, kind, repository, role, outcome, uid FROM record_index"
    " WHERE repository = ?4 AND sequence > ?1 AND sequence >= ?2 ORDER BY sequence LIMIT ?3",
    "SELECT sequence, time, kind, repository, role, outcome, uid FROM record_index"
    " WHERE repository = ?4 AND sequence < ?1 AND sequence >= ?2 ORDER BY sequence DESC LIMIT ?3"};
constexpr Walk kOfKey{
    "SELECT i.sequence, i.time, i.kind, i.repository, i.role, i.outcome, i.uid FROM record_keys AS k"
    " JOIN record_index AS i ON i.sequence = k.sequence"
    " WHERE k.fingerprint = ?4 AND k.sequence > ?1 AND k.sequence >= ?2 ORDER BY k.sequence LIMIT ?3",
    "SELECT i.sequence, i.time, i.kind, i.repository, i.role, i.outcome, i.uid FROM record_keys AS k"
    " JOIN record_index AS i ON i.sequence = k.sequence"
    " WHERE k.fingerprint = ?4 AND k.sequence < ?1 AND k.sequence >= ?2 ORDER BY k.sequence DESC LIMIT ?3"};

// "sign" is the group of "sign.intent" and "sign.outcome".
bool kind_matches(const std::string& wanted, const std::string& kind) {
  if (!kind.starts_with(wanted)) return false;
  return kind.size() == wanted.size() || kind[wanted.size()] == '.' || kind[wanted.size()] == '-';
}

std::vector<RecordFacts> read_facts(Query& row) {
  std::vector<RecordFacts> found;
  while (row.next()) {
    RecordFacts& facts = found.emplace_back();
    facts.sequence = row.integer(0);
    facts.time = row.text(1);
    facts.kind = row.text(2);
    facts.repository = row.text(3);
    facts.role = row.text(4);
    facts.outcome = row.text(5);
    facts.uid = row.integer(6);
  }
  return found;
}

std::optional<RecordRow> read_one(Database& database, std::int64_t sequence) {
  Query row(database, "SELECT sequence, time, statement FROM records WHERE sequence = ?1", sequence);
  if (!row.next()) return std::nullopt;
  return RecordRow{row.integer(0), row.text(1), row.text(2)};
}

}  // namespace

std::vector<std::string_view> record_walks() {
  std::vector<std::string_view> all;
  for (const Walk& walk : {kAll, kOfRepository, kOfKey}) {
    all.push_back(walk.forward);
    all.push_back(walk.backward);
  }
  return all;
}

bool matches(const RecordFilter& filter, const RecordFacts& facts) {
  return (!filter.since || facts.time >= *filter.since) && (!filter.until || facts.time < *filter.until) &&
         (!filter.kind || kind_matches(*filter.kind, facts.kind)) &&
         (!filter.repository || facts.repository == *filter.repository) &&
         (!filter.role || facts.role == *filter.role) &&
         (!filter.outcome || facts.outcome == *filter.outcome) && (!filter.uid || facts.uid == *filter.uid);
}

void RecordIndex::add(std::int64_t sequence, std::string_view time, std::string_view kind, std::int64_t uid,
                      const boost::json::object& body) {
  std::string repository = record_repository(body), role = record_role(body);
  std::vector<std::string> keys = record_keys(body);
  const auto intent = record_intent(body);
  if (intent && repository.empty() && keys.empty()) {  // it names its intent alone
    if (const auto row = read_one(database_, *intent)) {
      if (const auto asked = parse_record_statement(row->statement)) {
        repository = record_repository(asked->body);
        role = record_role(asked->body);
        keys = record_keys(asked->body);
      }
    }
  }
  // An intent of 0 is none: no record has that sequence.
  run(database_,
      "INSERT INTO record_index (sequence, time, latest, kind, uid, repository, role, outcome, intent)"
      " VALUES (?1, ?2, max(?2, ifnull((SELECT latest FROM record_index WHERE sequence = ?1 - 1), '')),"
      " ?3, ?4, ?5, ?6, ?7, nullif(?8, 0))",
      sequence, time, kind, uid, repository, role, record_outcome(body), intent.value_or(0));
  for (const std::string& key : keys)
    run(database_, "INSERT INTO record_keys (fingerprint, sequence) VALUES (?1, ?2)", key, sequence);
}

std::int64_t RecordIndex::catch_up(std::int64_t most) {
  std::vector<std::string> statements;
  for (Query row(database_,
                 "SELECT statement FROM records WHERE sequence >"
                 " (SELECT ifnull(max(sequence), 0) FROM record_index) ORDER BY sequence LIMIT ?1",
                 most);
       row.next();)
    statements.push_back(row.text(0));
  std::int64_t added = 0;
  for (const std::string& statement : statements) {
    const auto record = parse_record_statement(statement);
    if (!record) break;  // not what an agent wrote: verifying the ledger says so
    add(record->sequence, record->time, record->kind, record->uid, record->body);
    ++added;
  }
  return added;
}

void build_record_index(Database& database) {
  constexpr std::int64_t kPiece = 10'000;  // of statements in memory at once
  RecordIndex index(database);
  while (index.catch_up(kPiece) == kPiece) {
  }
}

// `latest` never goes back, so it is searched by halves.
std::int64_t RecordIndex::first_since(const std::string& since) {
  std::int64_t low = 1, end = 1;
  if (Query row(database_, "SELECT ifnull(max(sequence), 0) + 1 FROM record_index"); row.next())
    end = row.integer(0);
  while (low < end) {
    const std::int64_t middle = low + (end - low) / 2;
    Query row(database_, "SELECT latest FROM record_index WHERE sequence = ?1", middle);
    if (row.next() && row.text(0) < since)
      low = middle + 1;
    else
      end = middle;
  }
  return low;
}

// By the narrowest index that the filter can use.
std::vector<RecordFacts> RecordIndex::walk(const RecordFilter& filter, const RecordCursor& cursor,
                                           std::int64_t lowest) {
  const bool backward = cursor.newest_first;
  const std::int64_t from =
      backward && cursor.after == 0 ? std::numeric_limits<std::int64_t>::max() : cursor.after;
  const auto sql = [backward](const Walk& walk) { return backward ? walk.backward : walk.forward; };
  if (filter.fingerprint) {
    Query rows(database_, sql(kOfKey), from, lowest, kMaxExamined, *filter.fingerprint);
    return read_facts(rows);
  }
  if (filter.repository) {
    Query rows(database_, sql(kOfRepository), from, lowest, kMaxExamined, *filter.repository);
    return read_facts(rows);
  }
  Query rows(database_, sql(kAll), from, lowest, kMaxExamined);
  return read_facts(rows);
}

RecordPage RecordIndex::find(const RecordFilter& filter, const RecordCursor& cursor) {
  RecordPage page;
  page.next = cursor.after;
  page.end = true;
  const std::int64_t lowest = filter.since ? first_since(*filter.since) : 1;
  const auto limit = static_cast<std::size_t>(std::clamp<std::int64_t>(cursor.limit, 1, kMaxRecordsPerPage));
  const std::vector<RecordFacts> examined = walk(filter, cursor, lowest);
  page.end = static_cast<std::int64_t>(examined.size()) < kMaxExamined;
  std::size_t bytes = 0;
  for (const RecordFacts& facts : examined) {
    if (page.rows.size() == limit || bytes >= kMaxPageBytes) {
      page.end = false;
      break;
    }
    page.next = facts.sequence;
    if (!matches(filter, facts)) continue;
    if (auto row = read_one(database_, facts.sequence)) {
      bytes += row->statement.size();
      page.rows.push_back(std::move(*row));
    }
  }
  return page;
}

std::optional<RecordRow> RecordIndex::partner(std::int64_t sequence) {
  std::int64_t other = 0;
  if (Query row(database_,
                "SELECT ifnull(intent, ifnull((SELECT min(sequence) FROM record_index WHERE intent = ?1), 0))"
                " FROM record_index WHERE sequence = ?1",
                sequence);
      row.next())
    other = row.integer(0);
  return other == 0 ? std::nullopt : read_one(database_, other);
}

}  // namespace signet
