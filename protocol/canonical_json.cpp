#include "protocol/canonical_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "protocol/json_text.h"
#include "protocol/metadata_error.h"

namespace signet {
namespace {

namespace json = boost::json;

// What a value holds that has no canonical form. The path grows from the inside out as the writer returns.
struct Obstacle {
  std::string where;
  std::string_view why;
};
using Outcome = std::optional<Obstacle>;

Outcome within(const std::string& token, Outcome inner) {
  if (inner) inner->where.insert(0, token);
  return inner;
}

Outcome write_string(std::string_view text, LineFeeds line_feeds, std::string& out) {
  if (const auto problem = find_string_fault(text, line_feeds)) {
    return Obstacle{"", problem->fault == TextFault::ControlCharacter ? "control-character" : "invalid-utf8"};
  }
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  return std::nullopt;
}

Outcome write_integer(const json::value& value, std::string& out) {
  if (value.is_double()) return Obstacle{"", "float"};
  const bool fits = value.is_uint64()
                        ? value.get_uint64() <= static_cast<std::uint64_t>(kMaxJsonInteger)
                        : value.get_int64() <= kMaxJsonInteger && value.get_int64() >= -kMaxJsonInteger;
  if (!fits) return Obstacle{"", "integer-range"};
  std::array<char, 24> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), value.to_number<std::int64_t>());
  out.append(digits.data(), end.ptr);
  return std::nullopt;
}

Outcome write_value(const json::value& value, std::size_t depth, std::string& out);

Outcome write_array(const json::array& array, std::size_t depth, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i > 0) out += ',';
    if (auto obstacle = write_value(array[i], depth, out))
      return within("/" + std::to_string(i), std::move(obstacle));
  }
  out += ']';
  return std::nullopt;
}

Outcome write_member(const json::key_value_pair& member, std::size_t depth, std::string& out) {
  const std::string_view key = member.key();
  if (std::any_of(key.begin(), key.end(), [](char c) { return static_cast<unsigned char>(c) >= 0xf0; }))
    return Obstacle{"", "non-bmp-key"};
  if (auto obstacle = write_string(key, LineFeeds::Refused, out)) return obstacle;
  out += ':';
  return write_value(member.value(), depth, out);
}

Outcome write_object(const json::object& object, std::size_t depth, std::string& out) {
  std::vector<const json::key_value_pair*> members;
  members.reserve(object.size());
  for (const json::key_value_pair& member : object) members.push_back(&member);
  // char_traits<char> compares as unsigned char: this is the order of the UTF-8 bytes.
  const auto by_key = [](const auto* a, const auto* b) { return a->key() < b->key(); };
  if (!std::is_sorted(members.begin(), members.end(), by_key))
    std::sort(members.begin(), members.end(), by_key);
  out += '{';
  for (const json::key_value_pair* member : members) {
    if (member != members.front()) out += ',';
    if (auto obstacle = write_member(*member, depth, out))
      return within(json_pointer_token(member->key()), std::move(obstacle));
  }
  out += '}';
  return std::nullopt;
}

// depth: how many containers may still be opened.
Outcome write_value(const json::value& value, std::size_t depth, std::string& out) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      return std::nullopt;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return std::nullopt;
    case json::kind::string:
      return write_string(value.get_string(), LineFeeds::Allowed, out);
    case json::kind::array:
      if (depth == 0) return Obstacle{"", "depth"};
      return write_array(value.get_array(), depth - 1, out);
    case json::kind::object:
      if (depth == 0) return Obstacle{"", "depth"};
      return write_object(value.get_object(), depth - 1, out);
    default:
      return write_integer(value, out);
  }
}

}  // namespace

Result<std::string> canonical_json(const json::value& value) {
  std::string out;
  if (const auto obstacle = write_value(value, kMaxJsonDepth, out)) {
    return metadata_invalid(
        obstacle->where, obstacle->why,
        "The value at " + quoted(obstacle->where) + " has no canonical JSON form (" +
            std::string(obstacle->why) +
            "). Only text without control characters and integers up to 2^53 can be signed.");
  }
  return out;
}

}  // namespace signet
