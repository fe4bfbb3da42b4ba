// What signetd settles before it starts: which files it uses. No part of the agent runs yet.
#pragma once

#include <filesystem>

#include "agent/config/config.h"
#include "agent/daemon.h"
#include "agent/policy/policy_file.h"
#include "protocol/result.h"

namespace signet {

// The configuration of --config, else the person's own if there is one, else the default.
Result<Config> read_configuration(const DaemonOptions& options);

// The policy that the configuration names, else the usual one.
Result<LoadedPolicyPtr> read_policy(const Config& config);

// --socket, else $SIGNET_SOCKET, else the configuration's, else the usual place. Absolute.
Result<std::filesystem::path> choose_socket(const DaemonOptions& options, const Config& config);
// --state, else the configuration's, else the usual place. Absolute.
std::filesystem::path choose_state(const DaemonOptions& options, const Config& config);

}  // namespace signet
