#include "agent/ledger/records.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <ctime>

#include "protocol/canonical_json.h"
#include "protocol/json_text.h"
#include "protocol/public_key.h"

namespace signet {
namespace {

Error too_large(std::string_view what, std::size_t size, std::size_t limit) {
  boost::json::object parameters{{"limit", "record-size"}, {"value", limit}};
  return {ErrorName::LimitExceeded,
          "The " + std::string(what) + " of this record would have " + std::to_string(size) +
              " bytes; the limit is " + std::to_string(limit) +
              ". Nothing was signed or changed; ask for less at once.",
          std::move(parameters)};
}

Result<Bytes> random_salt() {
  Bytes salt(32);
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1)
    return Error{ErrorName::Internal, "The system gives no random numbers. Nothing was signed or changed."};
  return salt;
}

std::string salted_hash(const Bytes& salt, std::string_view detail) {
  Bytes input = salt;
  input.insert(input.end(), detail.begin(), detail.end());
  return sha256_hex(input);
}

}  // namespace

std::string RecordLog::now() const {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(clock_());
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

std::int64_t RecordLog::unix_time() const {
  return std::chrono::system_clock::to_time_t(clock_());
}

Result<std::int64_t> RecordLog::append(NewRecord record) {
  record.detail["gid"] = record.who.gid;
  record.detail["pid"] = record.who.pid;
  std::string detail = boost::json::serialize(record.detail);
  // A token's label may be any bytes. Whoever is shown the detail reads JSON, and hashes what they read.
  replace_what_is_not_utf8(detail);
  if (detail.size() > kMaxDetailSize) return too_large("private detail", detail.size(), kMaxDetailSize);
  const Result<Bytes> salt = random_salt();
  if (!salt) return salt.error();
  const std::string detail_hash = salted_hash(*salt, detail);

  const std::string time = now();
  const std::int64_t sequence = count() + 1;
  const boost::json::object statement{{"kind", record.kind},   {"sequence", sequence},
                                      {"time", time},          {"uid", record.who.uid},
                                      {"detail", detail_hash}, {"body", std::move(record.body)}};
  const Result<std::string> text = canonical_json(statement);
  if (!text) return text.error();
  if (text->size() > kMaxStatementSize) return too_large("public statement", text->size(), kMaxStatementSize);

  run(database_,
      "INSERT INTO records (sequence, time, kind, statement, salt, detail_hash, detail)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
      sequence, time, record.kind, *text, *salt, detail_hash, detail);
  if (const auto hashed = tree_.append(sequence, *text); !hashed) return hashed.error();
  index_.add(sequence, time, record.kind, record.who.uid, statement.at("body").get_object());
  return sequence;
}

std::vector<RecordRow> RecordLog::read(std::int64_t first, std::int64_t limit) {
  std::vector<RecordRow> rows;
  for (Query row(
           database_,
           "SELECT sequence, time, statement FROM records WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2",
           first, std::clamp<std::int64_t>(limit, 0, kMaxRecordsPerRead));
       row.next();)
    rows.push_back({row.integer(0), row.text(1), row.text(2)});
  return rows;
}

Result<RecordInFull> RecordLog::in_full(std::int64_t sequence) {
  RecordInFull found;
  {
    Query row(database_, "SELECT sequence, time, statement, salt, detail FROM records WHERE sequence = ?1",
              sequence);
    if (!row.next()) {
      boost::json::object parameters{{"kind", "object"}, {"name", "record " + std::to_string(sequence)}};
      return Error{ErrorName::NotFound,
                   "The ledger has no record " + std::to_string(sequence) + ". The last one is " +
                       std::to_string(count()) + ".",
                   std::move(parameters)};
    }
    found.record = {row.integer(0), row.text(1), row.text(2)};
    found.detail = {row.blob(3), row.text(4)};
  }
  found.partner = index_.partner(sequence);
  return found;
}

std::int64_t RecordLog::count() {
  Query row(database_, "SELECT ifnull(max(sequence), 0) FROM records");
  return row.next() ? row.integer(0) : 0;
}

}  // namespace signet
