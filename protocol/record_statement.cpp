#include "protocol/record_statement.h"

#include <algorithm>

#include "protocol/canonical_json.h"
#include "protocol/metadata_error.h"

namespace signet {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxStatement = 64 * 1024 - 1;

Error malformed(const std::string& what) {
  return metadata_invalid("", "statement-malformed", "The statement is malformed: " + what + ".");
}

const json::string* text_member(const json::object& object, std::string_view name) {
  const json::value* member = object.if_contains(name);
  return member ? member->if_string() : nullptr;
}

const std::int64_t* integer_member(const json::object& object, std::string_view name) {
  const json::value* member = object.if_contains(name);
  return member ? member->if_int64() : nullptr;
}

bool is_time(std::string_view text) {
  constexpr std::string_view kPattern = "0000-00-00T00:00:00Z";
  return text.size() == kPattern.size() &&
         std::equal(text.begin(), text.end(), kPattern.begin(), [](char c, char pattern) {
           return pattern == '0' ? c >= '0' && c <= '9' : c == pattern;
         });
}

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<RecordStatement> read_members(const json::object& object) {
  const auto* sequence = integer_member(object, "sequence");
  if (!sequence || *sequence < 1) return malformed("\"sequence\" is no number from 1 on");
  const auto* uid = integer_member(object, "uid");
  if (!uid || *uid < 0) return malformed("\"uid\" is no user's number");
  const auto* time = text_member(object, "time");
  if (!time || !is_time(*time)) return malformed("\"time\" is no time in UTC with whole seconds");
  const auto* kind = text_member(object, "kind");
  if (!kind || kind->empty()) return malformed("\"kind\" says nothing");
  const auto* detail = text_member(object, "detail");
  if (!detail || !is_digest(*detail)) return malformed("\"detail\" is no SHA-256 in hexadecimal");
  const json::value* body = object.if_contains("body");
  if (!body || !body->is_object()) return malformed("\"body\" is no object");
  return RecordStatement{*sequence, std::string(*time), std::string(*kind), std::string(*detail),
                         *uid,      body->get_object()};
}

}  // namespace

Result<RecordStatement> parse_record_statement(std::string_view text) {
  const auto value = parse_canonical_json(text, kMaxStatement);
  if (!value) {
    const Error error = value.error();
    const json::value* why = error.parameters.if_contains("why");
    if (why && *why == "not-canonical")
      return metadata_invalid("", "statement-not-canonical",
                              "The statement is not canonical JSON: " + error.message);
    return malformed(error.message);
  }
  if (!value->is_object()) return malformed("it is no object");
  return read_members(value->get_object());
}

}  // namespace signet
