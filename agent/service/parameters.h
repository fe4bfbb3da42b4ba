// Reading a call's parameters. The Varlink server has held them against the IDL already; a handler still
// takes nothing for granted. Errors: InvalidParameter(parameter).
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "protocol/secret.h"

namespace signet {

Error invalid_parameter(std::string_view name, std::string message);

Result<std::string> text_parameter(const boost::json::object& parameters, std::string_view name);
// Null and absent are the same.
Result<std::optional<std::string>> optional_text(const boost::json::object& parameters,
                                                 std::string_view name);
Result<bool> flag_parameter(const boost::json::object& parameters, std::string_view name);  // absent: false
Result<std::int64_t> integer_parameter(const boost::json::object& parameters, std::string_view name);
// Null and absent are the same.
Result<std::optional<std::int64_t>> optional_integer(const boost::json::object& parameters,
                                                     std::string_view name);
Result<std::vector<std::string>> text_list(const boost::json::object& parameters,
                                           std::string_view name);  // absent: empty
Result<Secret> secret_parameter(const boost::json::object& parameters, std::string_view name);
Result<std::optional<Secret>> optional_secret(const boost::json::object& parameters, std::string_view name);

}  // namespace signet
