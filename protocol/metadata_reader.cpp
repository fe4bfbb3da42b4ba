#include "protocol/metadata_reader.h"

#include <algorithm>

#include "protocol/metadata_error.h"

namespace signet {
namespace {

namespace json = boost::json;

const json::value kNothing;
const json::object kNoObject;
const json::array kNoArray;

// The JSON pointer of `wanted` below `from`. Only walked for an error, so that reading need not carry paths
// along.
std::optional<std::string> find_pointer(const json::value& from, const json::value& wanted) {
  if (&from == &wanted) return "";
  if (const json::object* object = from.if_object()) {
    for (const auto& member : *object)
      if (auto rest = find_pointer(member.value(), wanted)) return json_pointer_token(member.key()) + *rest;
  } else if (const json::array* array = from.if_array()) {
    for (std::size_t i = 0; i < array->size(); ++i)
      if (auto rest = find_pointer((*array)[i], wanted)) return "/" + std::to_string(i) + *rest;
  }
  return std::nullopt;
}

}  // namespace

void JsonDocument::refuse(const json::value& value, std::string_view why, std::string_view message) {
  if (error_) return;
  const std::string where = find_pointer(root_, value).value_or("");
  const std::string place = where.empty() ? std::string("its top") : quoted(where);
  error_ =
      metadata_invalid(where, why, "The metadata is refused at " + place + ": " + std::string(message) + ".");
}

const json::object& JsonNode::object() const {
  if (const json::object* object = value_->if_object()) return *object;
  refuse("type", "an object is wanted here");
  return kNoObject;
}

const json::array& JsonNode::array() const {
  if (const json::array* array = value_->if_array()) return *array;
  refuse("type", "an array is wanted here");
  return kNoArray;
}

std::string_view JsonNode::string() const {
  if (const json::string* string = value_->if_string()) return *string;
  refuse("type", "a string is wanted here");
  return {};
}

bool JsonNode::boolean() const {
  if (const bool* boolean = value_->if_bool()) return *boolean;
  refuse("type", "true or false is wanted here");
  return false;
}

std::int64_t JsonNode::integer(std::int64_t least, std::int64_t most) const {
  const std::int64_t* integer = value_->if_int64();
  if (integer == nullptr) {
    refuse("type", "an integer is wanted here");
    return least;
  }
  if (*integer < least || *integer > most) {
    refuse("range", std::to_string(*integer) + " is not between " + std::to_string(least) + " and " +
                        std::to_string(most));
    return least;
  }
  return *integer;
}

JsonNode JsonNode::member(std::string_view name) const {
  if (const auto found = find(name)) return *found;
  refuse("missing-member", "the member " + quoted(name) + " is missing");
  return JsonNode(kNothing, *document_);
}

std::optional<JsonNode> JsonNode::find(std::string_view name) const {
  const json::value* found = object().if_contains(name);
  if (found == nullptr) return std::nullopt;
  return JsonNode(*found, *document_);
}

void JsonNode::only(std::initializer_list<std::string_view> names) const {
  each_member([&](std::string_view name, const JsonNode& member) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      member.refuse("unknown-member",
                    "this member is not part of the format, and Notary's server would drop it");
  });
}

}  // namespace signet
