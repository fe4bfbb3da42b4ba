// How metadata files are written.
#include <algorithm>
#include <charconv>
#include <vector>

#include "protocol/canonical_json.h"
#include "protocol/metadata.h"

namespace signet {
namespace {

namespace json = boost::json;

void write_string(std::string_view text, std::string& out) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void new_line(std::size_t indent, std::string& out) {
  out += '\n';
  out.append(indent, ' ');
}

void write_pretty(const json::value& value, std::size_t indent, std::string& out);

void write_pretty_object(const json::object& object, std::size_t indent, std::string& out) {
  std::vector<const json::key_value_pair*> members;
  for (const auto& member : object) members.push_back(&member);
  std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->key() < b->key(); });
  out += '{';
  for (const auto* member : members) {
    if (member != members.front()) out += ',';
    new_line(indent + 1, out);
    write_string(member->key(), out);
    out += ": ";
    write_pretty(member->value(), indent + 1, out);
  }
  if (!members.empty()) new_line(indent, out);
  out += '}';
}

void write_pretty_array(const json::array& array, std::size_t indent, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i > 0) out += ',';
    new_line(indent + 1, out);
    write_pretty(array[i], indent + 1, out);
  }
  if (!array.empty()) new_line(indent, out);
  out += ']';
}

void write_pretty(const json::value& value, std::size_t indent, std::string& out) {
  if (value.is_object())
    write_pretty_object(value.get_object(), indent, out);
  else if (value.is_array())
    write_pretty_array(value.get_array(), indent, out);
  else if (value.is_string())
    write_string(value.get_string(), out);
  else if (value.is_bool())
    out += value.get_bool() ? "true" : "false";
  else if (value.is_null())
    out += "null";
  else
    out += std::to_string(value.to_number<std::int64_t>());
}

// What Go's json.Marshal does to JSON text that it embeds: these five only ever stand inside strings.
std::string escape_like_go(std::string_view text) {
  constexpr std::string_view kLineSeparator = "\xe2\x80\xa8";
  constexpr std::string_view kParagraphSeparator = "\xe2\x80\xa9";
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (text[i] == '<') {
      out += "\\u003c";
    } else if (text[i] == '>') {
      out += "\\u003e";
    } else if (text[i] == '&') {
      out += "\\u0026";
    } else if (rest.starts_with(kLineSeparator) || rest.starts_with(kParagraphSeparator)) {
      out += rest.starts_with(kLineSeparator) ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string write_metadata_file(const json::object& signed_object, const json::array& signatures,
                                MetadataFormat format) {
  if (format == MetadataFormat::Notary) {
    return escape_like_go("{\"signed\":" + canonical_json(signed_object).value() +
                          ",\"signatures\":" + canonical_json(signatures).value() + "}");
  }
  std::string out = "{\n \"signatures\": ";
  write_pretty(signatures, 1, out);
  out += ",\n \"signed\": ";
  write_pretty(signed_object, 1, out);
  return out + "\n}\n";
}

}  // namespace signet
