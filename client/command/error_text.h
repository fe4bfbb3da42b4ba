// Errors as people and scripts read them. Pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "client/command/console.h"
#include "protocol/result.h"

namespace signet::client {

// "signet: MESSAGE" and, where there is more to know (what a version conflict is about), a line for each
// thing.
std::string error_text(const Error& error, const Paint& paint);

// A text among the error's parameters; empty if there is none of that name.
std::string text_parameter(const Error& error, std::string_view name);

// {"error": {"name", "message", "parameters"}}.
boost::json::object error_json(const Error& error);

}  // namespace signet::client
