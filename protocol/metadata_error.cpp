#include "protocol/metadata_error.h"

#include "protocol/json_text.h"

namespace signet {
namespace {

constexpr std::size_t kMaxQuoted = 80;

}  // namespace

Error metadata_invalid(std::string_view where, std::string_view why, std::string message) {
  boost::json::object parameters;
  parameters["where"] = where;
  parameters["why"] = why;
  return Error(ErrorName::MetadataInvalid, std::move(message), std::move(parameters));
}

std::string json_pointer_token(std::string_view member) {
  std::string token = "/";
  for (const char c : member) {
    if (c == '~')
      token += "~0";
    else if (c == '/')
      token += "~1";
    else
      token += c;
  }
  return token;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  std::size_t at = 0;
  while (at < text.size() && at < kMaxQuoted) {
    const CodePoint point = next_code_point(text.substr(at));
    if (point.size == 0 || is_control(point.value))
      out += '?';
    else
      out += text.substr(at, point.size);
    at += point.size == 0 ? 1 : point.size;
  }
  if (at < text.size()) out += "…";
  return out + "\"";
}

}  // namespace signet
