// Reading one JSON document whose shape is prescribed: the first thing that does not fit is the document's
// error, and whatever is read after it is empty. So that a reader says what it expects, line by line, and
// asks once at the end. Not thread safe; a JsonNode lives no longer than its document.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace signet {

class JsonNode;

class JsonDocument {
 public:
  // Borrows `root`.
  explicit JsonDocument(const boost::json::value& root) : root_(root) {}
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

  JsonNode root();
  bool failed() const { return error_.has_value(); }
  const Error& error() const { return *error_; }
  // MetadataInvalid at `value`, a part of the document; only the first one counts. message: a clause, without
  // a full stop.
  void refuse(const boost::json::value& value, std::string_view why, std::string_view message);

 private:
  const boost::json::value& root_;
  std::optional<Error> error_;
};

class JsonNode {
 public:
  JsonNode(const boost::json::value& value, JsonDocument& document) : value_(&value), document_(&document) {}

  const boost::json::value& value() const { return *value_; }
  bool failed() const { return document_->failed(); }
  void refuse(std::string_view why, std::string_view message) const {
    document_->refuse(*value_, why, message);
  }

  // Each refuses (why "type") what is of another kind, and returns something empty.
  const boost::json::object& object() const;
  const boost::json::array& array() const;
  std::string_view string() const;
  bool boolean() const;
  // Refuses (why "range") what is outside [least, most].
  std::int64_t integer(std::int64_t least, std::int64_t most) const;

  // Refuses (why "missing-member") if there is none.
  JsonNode member(std::string_view name) const;
  std::optional<JsonNode> find(std::string_view name) const;
  // Refuses (why "unknown-member") an object that has others.
  void only(std::initializer_list<std::string_view> names) const;

  // visit(std::string_view name, const JsonNode& member), until something is refused.
  template <typename Visit>
  void each_member(Visit visit) const {
    for (const auto& member : object()) {
      if (failed()) return;
      visit(std::string_view(member.key()), JsonNode(member.value(), *document_));
    }
  }
  // visit(const JsonNode& element), until something is refused.
  template <typename Visit>
  void each_element(Visit visit) const {
    for (const auto& element : array()) {
      if (failed()) return;
      visit(JsonNode(element, *document_));
    }
  }

 private:
  const boost::json::value* value_;
  JsonDocument* document_;
};

inline JsonNode JsonDocument::root() {
  return JsonNode(root_, *this);
}

}  // namespace signet
