// What a verb found out, before anybody prints it.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "client/command/exit_code.h"
#include "protocol/result.h"

namespace signet::client {

// A verb returns Result<Outcome>; main prints it once: `text` to people, `json` to scripts (--json).
struct Outcome {
  Outcome() = default;
  Outcome(std::string text_, boost::json::object json_) : text(std::move(text_)), json(std::move(json_)) {}

  std::string text;  // whole lines, each with its newline
  boost::json::object json;
  ExitCode exit_code = ExitCode::Ok;
  bool streamed = false;  // all was printed as it came: nothing is left to be printed
};

}  // namespace signet::client
