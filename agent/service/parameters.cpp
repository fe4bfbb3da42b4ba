#include "agent/service/parameters.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

namespace signet {
namespace {

const boost::json::value* present(const boost::json::object& parameters, std::string_view name) {
  const boost::json::value* const value = parameters.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Error wrong_type(std::string_view name, std::string_view wanted) {
  return invalid_parameter(
      name, "The parameter \"" + std::string(name) + "\" must be " + std::string(wanted) + ".");
}

}  // namespace

Error invalid_parameter(std::string_view name, std::string message) {
  return {ErrorName::InvalidParameter, std::move(message), {{"parameter", name}}};
}

Result<std::string> text_parameter(const boost::json::object& parameters, std::string_view name) {
  const auto value = optional_text(parameters, name);
  if (!value) return value.error();
  if (!value->has_value()) return wrong_type(name, "given, as a string");
  return **value;
}

Result<std::optional<std::string>> optional_text(const boost::json::object& parameters,
                                                 std::string_view name) {
  const boost::json::value* const value = present(parameters, name);
  if (value == nullptr) return std::optional<std::string>();
  if (!value->is_string()) return wrong_type(name, "a string");
  const auto& text = value->get_string();
  return std::optional<std::string>(std::string(text.data(), text.size()));
}

Result<bool> flag_parameter(const boost::json::object& parameters, std::string_view name) {
  const boost::json::value* const value = present(parameters, name);
  if (value == nullptr) return false;
  if (!value->is_bool()) return wrong_type(name, "true or false");
  return value->get_bool();
}

Result<std::int64_t> integer_parameter(const boost::json::object& parameters, std::string_view name) {
  const boost::json::value* const value = present(parameters, name);
  if (value == nullptr || !value->is_int64()) return wrong_type(name, "an integer");
  return value->get_int64();
}

Result<std::optional<std::int64_t>> optional_integer(const boost::json::object& parameters,
                                                     std::string_view name) {
  const boost::json::value* const value = present(parameters, name);
  if (value == nullptr) return std::optional<std::int64_t>();
  if (!value->is_int64()) return wrong_type(name, "an integer");
  return std::optional<std::int64_t>(value->get_int64());
}

Result<std::vector<std::string>> text_list(const boost::json::object& parameters, std::string_view name) {
  std::vector<std::string> list;
  const boost::json::value* const value = present(parameters, name);
  if (value == nullptr) return list;
  if (!value->is_array()) return wrong_type(name, "a list of strings");
  for (const boost::json::value& element : value->get_array()) {
    if (!element.is_string()) return wrong_type(name, "a list of strings");
    list.emplace_back(element.get_string().data(), element.get_string().size());
  }
  return list;
}

Result<std::optional<Secret>> optional_secret(const boost::json::object& parameters, std::string_view name) {
  const boost::json::value* const value = present(parameters, name);
  if (value == nullptr) return std::optional<Secret>();
  if (!value->is_string()) return wrong_type(name, "a string");
  const auto& text = value->get_string();
  return std::optional<Secret>(Secret(std::string_view(text.data(), text.size())));
}

Result<Secret> secret_parameter(const boost::json::object& parameters, std::string_view name) {
  auto value = optional_secret(parameters, name);
  if (!value) return value.error();
  if (!value->has_value()) return wrong_type(name, "given, as a string");
  return std::move(**value);
}

}  // namespace signet
