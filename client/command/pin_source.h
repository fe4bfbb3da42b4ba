// Where a script's PIN comes from: a file or an open descriptor, never the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/command/command_line.h"
#include "protocol/result.h"
#include "protocol/secret.h"

namespace signet::client {

struct PinOptions {
  std::optional<std::string> file;
  std::optional<std::int64_t> fd;
};

// Adds "--<name>-file FILE" and "--<name>-fd N" to a verb. `what`: e.g. "the user PIN".
void add_pin_options(Verb& verb, const std::string& name, PinOptions& options, const std::string& what);

// The first line of the file or descriptor; nothing if neither was named. Of a descriptor no more than the
// line is read, so that a second PIN may follow on it. FileFault: unreadable, empty, too long, or a file that
// others can read.
Result<std::optional<Secret>> read_pin(const PinOptions& options);

}  // namespace signet::client
