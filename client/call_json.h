// What a caller asks for, as the IDL's types.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/agent_calls.h"

namespace signet::client {

boost::json::string_view json_view(std::string_view text);
boost::json::array strings(const std::vector<std::string>& all);
boost::json::array base64_list(const std::vector<Bytes>& all);
// Null where there is nothing, as the IDL's "?" types want it. The secret stays in the object's own wiped
// memory.
void put_secret(boost::json::object& parameters, std::string_view name, const std::optional<Secret>& secret);
// Left out where there is nothing.
void put_optional(boost::json::object& parameters, std::string_view name,
                  const std::optional<std::string>& text);

// Members that are not given are left out.
boost::json::object filter_json(const RecordFilterInfo& filter);

}  // namespace signet::client
