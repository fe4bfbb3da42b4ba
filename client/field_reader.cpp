#include "client/field_reader.h"

#include "client/connection.h"

namespace signet::client {
namespace {

std::string text_of(const boost::json::value& value) {
  return {value.get_string().data(), value.get_string().size()};
}

// Parsers give small integers as int64; only those beyond 2^63 are uint64, and nothing of ours is as large.
std::optional<std::int64_t> number_of(const boost::json::value& value) {
  if (value.is_int64()) return value.get_int64();
  return std::nullopt;
}

}  // namespace

const boost::json::value* FieldReader::find(std::string_view name) const {
  const auto* value = object_.if_contains(boost::json::string_view(name.data(), name.size()));
  return value == nullptr || value->is_null() ? nullptr : value;
}

const boost::json::value* FieldReader::need(std::string_view name) {
  const auto* value = find(name);
  if (value == nullptr) remember(name, "present");
  return value;
}

void FieldReader::remember(std::string_view name, std::string_view expected) {
  if (fault_) return;
  fault_ = connection_error(
      "malformed", "The agent's reply does not follow org.signet.Agent: \"" + std::string(name) + "\" of a " +
                       what_ + " should be " + std::string(expected) +
                       ". Check with \"signet --version\" and \"signetd --version\" that the two fit.");
}

std::string FieldReader::text(std::string_view name) {
  const auto* value = need(name);
  if (value == nullptr) return {};
  if (value->is_string()) return text_of(*value);
  remember(name, "a string");
  return {};
}

std::optional<std::string> FieldReader::optional_text(std::string_view name) {
  if (find(name) == nullptr) return std::nullopt;
  return text(name);
}

std::int64_t FieldReader::number(std::string_view name) {
  const auto* value = need(name);
  if (value == nullptr) return 0;
  if (const auto number = number_of(*value)) return *number;
  remember(name, "an integer");
  return 0;
}

std::optional<std::int64_t> FieldReader::optional_number(std::string_view name) {
  if (find(name) == nullptr) return std::nullopt;
  return number(name);
}

bool FieldReader::flag(std::string_view name) {
  const auto* value = need(name);
  if (value == nullptr) return false;
  if (value->is_bool()) return value->get_bool();
  remember(name, "true or false");
  return false;
}

std::vector<std::string> FieldReader::texts(std::string_view name) {
  const auto* value = need(name);
  std::vector<std::string> all;
  if (value == nullptr) return all;
  if (!value->is_array()) remember(name, "a list of strings");
  if (!value->is_array()) return all;
  for (const auto& one : value->get_array()) {
    if (one.is_string()) all.push_back(text_of(one));
    if (!one.is_string()) remember(name, "a list of strings");
  }
  return all;
}

std::map<std::string, std::int64_t> FieldReader::numbers(std::string_view name) {
  std::map<std::string, std::int64_t> all;
  for (const auto& [key, value] : object(name)) {
    const auto number = number_of(value);
    if (!number) remember(name, "a map of integers");
    if (number) all.emplace(std::string(key.data(), key.size()), *number);
  }
  return all;
}

boost::json::object FieldReader::object(std::string_view name) {
  const auto* value = need(name);
  if (value == nullptr) return {};
  if (value->is_object()) return value->get_object();
  remember(name, "an object");
  return {};
}

std::optional<boost::json::object> FieldReader::optional_object(std::string_view name) {
  if (find(name) == nullptr) return std::nullopt;
  return object(name);
}

std::vector<boost::json::object> FieldReader::objects(std::string_view name) {
  const auto* value = need(name);
  std::vector<boost::json::object> all;
  if (value == nullptr) return all;
  if (!value->is_array()) remember(name, "a list of objects");
  if (!value->is_array()) return all;
  for (const auto& one : value->get_array()) {
    if (one.is_object()) all.push_back(one.get_object());
    if (!one.is_object()) remember(name, "a list of objects");
  }
  return all;
}

}  // namespace signet::client
