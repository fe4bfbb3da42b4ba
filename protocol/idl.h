// Varlink interface definitions (https://varlink.org/Interface-Definition): parsed, and held against JSON.
// Immutable once parsed, thread safe.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace signet {

struct IdlField;

struct IdlType {
  enum class Kind {
    Bool,
    Int,    // 64 bits, signed
    Float,  // an integer is one too
    String,
    Object,   // any JSON object
    Enum,     // one of `symbols`
    Struct,   // `fields`, written in place
    Named,    // the interface's type `name`
    Array,    // of `element`
    Map,      // string keys, values of `element`
    Nullable  // `element`, null or absent
  };
  Kind kind = Kind::Object;
  std::string name;
  std::vector<std::string> symbols;
  std::vector<IdlField> fields;
  std::shared_ptr<const IdlType> element;
};

struct IdlField {
  std::string name;
  IdlType type;
};

struct IdlMethod {
  std::vector<IdlField> parameters, reply;
};

struct IdlInterface {
  std::string name;                                   // "org.signet.Agent"
  std::string text;                                   // as it was parsed
  std::map<std::string, IdlType, std::less<>> types;  // kind Struct or Enum
  std::map<std::string, IdlMethod, std::less<>> methods;
  std::map<std::string, std::vector<IdlField>, std::less<>> errors;
};

// MetadataInvalid (where "line N", why "idl") for a text that is no definition, names something twice, or
// names a type that it does not define.
Result<IdlInterface> parse_idl(std::string_view text);

// Holds values against fields. InvalidParameter, with the parameter's path ("keys[2]", "root.expires") and a
// message, for one that is unknown, missing or of another type. Unknown ones are refused because a call that
// misspells "dryRun" must not sign.
Result<void> check_fields(const IdlInterface& interface, const std::vector<IdlField>& fields,
                          const boost::json::object& values);

// The definitions that this build was made with.
std::string_view agent_idl_text();    // protocol/org.signet.Agent.varlink
std::string_view service_idl_text();  // protocol/org.varlink.service.varlink
const IdlInterface& agent_idl();
const IdlInterface& service_idl();

}  // namespace signet
