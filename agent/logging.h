// The agent's log: lines on standard error.
#pragma once

#include <string>

#include "agent/config/config.h"

namespace signet {

// Text: "2026-11-21T23:00:00.123Z info message". JSON: {"time":…,"level":…,"message":…} a line. Control
// characters are escaped in both: what a client sent cannot forge a line. `level` as in the configuration.
// May be called again.
void set_up_logging(LogFormat format, const std::string& level);

}  // namespace signet
