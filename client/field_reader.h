// Reads the members of a JSON object whose shape is known, and remembers the first that is not as it should
// be.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace signet::client {

// Every getter gives the member, or an empty value and a remembered fault; finish() tells. A null counts as
// absent. Borrows the object. One thread.
class FieldReader {
 public:
  // `what`: what the object is, for the message, e.g. "token".
  FieldReader(const boost::json::object& object, std::string_view what) : object_(object), what_(what) {}

  std::string text(std::string_view name);
  std::optional<std::string> optional_text(std::string_view name);
  std::int64_t number(std::string_view name);
  std::optional<std::int64_t> optional_number(std::string_view name);
  bool flag(std::string_view name);
  std::vector<std::string> texts(std::string_view name);
  std::map<std::string, std::int64_t> numbers(std::string_view name);
  boost::json::object object(std::string_view name);
  std::optional<boost::json::object> optional_object(std::string_view name);
  std::vector<boost::json::object> objects(std::string_view name);

  // A nested object, or a list of them, read by `read`; its error is this reader's.
  template <typename T>
  T nested(std::string_view name, Result<T> (*read)(const boost::json::object&)) {
    return taken(read(object(name)));
  }
  template <typename T>
  std::vector<T> list(std::string_view name, Result<T> (*read)(const boost::json::object&)) {
    std::vector<T> all;
    for (const auto& one : objects(name)) all.push_back(taken(read(one)));
    return all;
  }

  // `value` if every member was as it should be; ConnectionFailed (why "malformed") otherwise.
  template <typename T>
  Result<T> finish(T value) {
    if (fault_) return *fault_;
    return value;
  }

 private:
  const boost::json::value* find(std::string_view name) const;
  const boost::json::value* need(std::string_view name);
  void remember(std::string_view name, std::string_view expected);
  template <typename T>
  T taken(Result<T> result) {
    if (result) return std::move(*result);
    if (!fault_) fault_ = result.error();
    return T{};
  }

  const boost::json::object& object_;
  std::string what_;
  std::optional<Error> fault_;
};

// A reply that is one named member.
template <typename T>
Result<T> only(const boost::json::object& parameters, std::string_view name,
               Result<T> (*read)(const boost::json::object&)) {
  FieldReader reader(parameters, "reply");
  T value = reader.nested(name, read);
  return reader.finish(std::move(value));
}

template <typename T>
Result<std::vector<T>> only_list(const boost::json::object& parameters, std::string_view name,
                                 Result<T> (*read)(const boost::json::object&)) {
  FieldReader reader(parameters, "reply");
  std::vector<T> values = reader.list(name, read);
  return reader.finish(std::move(values));
}

}  // namespace signet::client
