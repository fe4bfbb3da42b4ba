#include "client/command/record_text.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "client/command/user_names.h"
#include "protocol/metadata_time.h"

namespace signet::client {
namespace {

std::optional<std::chrono::seconds> parse_ago(const std::string& text) {
  if (text.size() < 2 || text.size() > 8) return std::nullopt;
  std::int64_t count = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size() - 1, count);
  if (fault != std::errc() || end != text.data() + text.size() - 1 || count < 0) return std::nullopt;
  switch (text.back()) {
    case 's':
      return std::chrono::seconds(count);
    case 'm':
      return std::chrono::minutes(count);
    case 'h':
      return std::chrono::hours(count);
    case 'd':
      return std::chrono::hours(24 * count);
    default:
      return std::nullopt;
  }
}

// "2026-11-21 23:00:00": the Z stands in the table's head.
std::string short_time(std::string time) {
  if (time.size() == 20 && time[10] == 'T' && time.back() == 'Z') {
    time[10] = ' ';
    time.pop_back();
  }
  return time;
}

std::vector<std::string> row_of(const LedgerRecordInfo& record, const KeyNames& names) {
  const auto statement = parse_record_statement(record.statement);
  if (!statement) return {std::to_string(record.sequence), short_time(record.time), "?", "(cannot be read)"};
  return {std::to_string(record.sequence), short_time(record.time), user_name(statement->uid),
          describe_record(*statement, names)};
}

std::string member_lines(const boost::json::object& object) {
  std::string lines;
  for (const auto& member : object) {
    const auto& value = member.value();
    const std::string text =
        value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value);
    lines += "    " + printable(member.key()) + ": " + printable(text) + "\n";
  }
  return lines;
}

std::string detail_lines(const RecordDetails& details, const Paint& paint) {
  if (!details.detail) return "  Its private detail is not shown; --private asks the agent for it.\n";
  boost::system::error_code fault;
  const auto parsed = boost::json::parse(details.detail->detail, fault);
  std::string text = "  Private detail:\n";
  text += !fault && parsed.is_object() ? member_lines(parsed.get_object())
                                       : "    " + printable(details.detail->detail) + "\n";
  return text + (*detail_holds(details)
                     ? "  " + paint(Color::Good, "It is what the record's hash was made of.") + "\n"
                     : "  " +
                           paint(Color::Bad,
                                 "It is NOT what the record's hash was made of: the ledger was changed.") +
                           "\n");
}

}  // namespace

std::optional<std::string> parse_moment(const std::string& text, std::chrono::sys_seconds now) {
  if (const auto ago = parse_ago(text)) return time_text(now - *ago);
  for (const std::string& whole : {text, text + "T00:00:00Z"})
    if (parse_expiry(whole, MetadataFormat::Tuf)) return whole;
  return std::nullopt;
}

boost::json::object record_json(const LedgerRecordInfo& record) {
  boost::json::object json{
      {"sequence", record.sequence}, {"time", record.time}, {"statement", record.statement}};
  if (auto statement = parse_record_statement(record.statement)) {
    json["kind"] = statement->kind;
    json["uid"] = statement->uid;
    json["detail"] = statement->detail_hash;
    json["body"] = std::move(statement->body);
  }
  return json;
}

std::string record_table(const std::vector<LedgerRecordInfo>& records, const KeyNames& names) {
  std::vector<std::vector<std::string>> rows;
  for (const LedgerRecordInfo& record : records) rows.push_back(row_of(record, names));
  return table({"RECORD", "TIME (UTC)", "WHO", "WHAT"}, rows);
}

std::string record_line(const LedgerRecordInfo& record, const KeyNames& names) {
  std::string line;
  for (const std::string& cell : row_of(record, names)) line += (line.empty() ? "" : "  ") + printable(cell);
  return line + "\n";
}

std::string record_page(const RecordDetails& details, const KeyNames& names, const Paint& paint) {
  const auto statement = parse_record_statement(details.record.statement);
  if (!statement)
    return "Record " + std::to_string(details.record.sequence) +
           " cannot be read: " + printable(details.record.statement) + "\n";
  std::string text =
      "Record " + std::to_string(statement->sequence) + " of " + printable(statement->time) +
      ", asked for by " + printable(user_name(statement->uid)) + " (uid " + std::to_string(statement->uid) +
      "):\n  " + printable(describe_record(*statement, names)) + "\n\n  kind: " + printable(statement->kind) +
      "\n" + member_lines(statement->body) + "\n";
  if (details.partner)
    text += (record_intent(statement->body) ? "  It is the outcome of record " : "  Its outcome is record ") +
            record_line(*details.partner, names);
  return text + detail_lines(details, paint);
}

std::optional<bool> detail_holds(const RecordDetails& details) {
  if (!details.detail) return std::nullopt;
  const auto statement = parse_record_statement(details.record.statement);
  return statement && detail_matches(statement->detail_hash, details.detail->salt, details.detail->detail);
}

}  // namespace signet::client
