#include <algorithm>

#include "protocol/idl.h"

namespace signet {
namespace {

namespace json = boost::json;

Error invalid(const std::string& path, std::string_view what) {
  return {ErrorName::InvalidParameter, "\"" + path + "\" " + std::string(what) + ".", {{"parameter", path}}};
}

std::string list(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// Walks a type and a value together; `path` is where we are, for the message.
class Checker {
 public:
  explicit Checker(const IdlInterface& interface) : interface_(interface) {}

  Result<void> fields(const std::vector<IdlField>& fields, const json::object& values,
                      const std::string& path) const {
    if (Result<void> known = all_known(fields, values, path); !known) return known;
    for (const IdlField& field : fields) {
      const json::value* value = values.if_contains(field.name);
      const std::string here = join(path, field.name);
      if (value == nullptr) {
        if (field.type.kind != IdlType::Kind::Nullable) return invalid(here, "is missing");
      } else if (Result<void> fits = check(field.type, *value, here); !fits) {
        return fits;
      }
    }
    return {};
  }

 private:
  static std::string join(const std::string& path, std::string_view name) {
    return path.empty() ? std::string(name) : path + "." + std::string(name);
  }

  static Result<void> all_known(const std::vector<IdlField>& fields, const json::object& values,
                                const std::string& path) {
    for (const auto& member : values) {
      const std::string_view key = member.key();
      if (std::any_of(fields.begin(), fields.end(), [&](const IdlField& field) { return field.name == key; }))
        continue;
      std::vector<std::string> names;
      for (const IdlField& field : fields) names.push_back(field.name);
      // A key may be megabytes long; nobody needs all of it back.
      const std::string shown =
          key.size() > 64 ? "a name of " + std::to_string(key.size()) + " bytes" : join(path, key);
      return invalid(shown, names.empty() ? "is not known here: there are no parameters"
                                          : "is not known here; there is: " + list(names));
    }
    return {};
  }

  Result<void> check(const IdlType& type, const json::value& value, const std::string& path) const {
    switch (type.kind) {
      case IdlType::Kind::Bool:
        return expect(value.is_bool(), path, "must be true or false");
      case IdlType::Kind::Int:
        return expect(value.is_int64(), path, "must be an integer of at most 64 bits");
      case IdlType::Kind::Float:
        return expect(value.is_number(), path, "must be a number");
      case IdlType::Kind::String:
        return expect(value.is_string(), path, "must be a string");
      case IdlType::Kind::Object:
        return expect(value.is_object(), path, "must be an object");
      case IdlType::Kind::Enum:
        return symbol(type, value, path);
      case IdlType::Kind::Struct:
        if (!value.is_object()) return invalid(path, "must be an object");
        return fields(type.fields, value.get_object(), path);
      case IdlType::Kind::Named:
        return check(interface_.types.at(type.name), value, path);
      case IdlType::Kind::Array:
        return array(type, value, path);
      case IdlType::Kind::Map:
        return map(type, value, path);
      case IdlType::Kind::Nullable:
        return value.is_null() ? Result<void>() : check(*type.element, value, path);
    }
    return invalid(path, "has a type that this build does not know");
  }

  static Result<void> expect(bool fits, const std::string& path, std::string_view what) {
    if (fits) return {};
    return invalid(path, what);
  }
  static Result<void> symbol(const IdlType& type, const json::value& value, const std::string& path) {
    const bool known =
        value.is_string() && std::find(type.symbols.begin(), type.symbols.end(),
                                       std::string_view(value.get_string())) != type.symbols.end();
    if (known) return {};
    return invalid(path, "must be one of: " + list(type.symbols));
  }
  Result<void> array(const IdlType& type, const json::value& value, const std::string& path) const {
    if (!value.is_array()) return invalid(path, "must be an array");
    for (std::size_t i = 0; i < value.get_array().size(); ++i)
      if (Result<void> fits =
              check(*type.element, value.get_array()[i], path + "[" + std::to_string(i) + "]");
          !fits)
        return fits;
    return {};
  }
  Result<void> map(const IdlType& type, const json::value& value, const std::string& path) const {
    if (!value.is_object()) return invalid(path, "must be an object");
    for (const auto& member : value.get_object())
      if (Result<void> fits = check(*type.element, member.value(), join(path, member.key())); !fits)
        return fits;
    return {};
  }

  const IdlInterface& interface_;
};

}  // namespace

Result<void> check_fields(const IdlInterface& interface, const std::vector<IdlField>& fields,
                          const json::object& values) {
  return Checker(interface).fields(fields, values, "");
}

}  // namespace signet
