// What signetd settles before it starts: which files it uses. No part of the agent runs yet.
#pragma once

#include <filesystem>
#include <memory>

#include "agent/attestation/attestation_roots.h"
#include "agent/checkpoint/checkpointer.h"
#include "agent/config/config.h"
#include "agent/daemon.h"
#include "agent/policy/policy_file.h"
#include "agent/tokens/token_service.h"
#include "protocol/result.h"

namespace signet {

// The configuration of --config, else the person's own if there is one, else the default.
Result<Config> read_configuration(const DaemonOptions& options);

// The policy that the configuration names, else the usual one.
Result<LoadedPolicyPtr> read_policy(const Config& config);

// Whose attestations are believed: Yubico's, and those of the files that the configuration names. FileFault.
Result<std::shared_ptr<const AttestationRoots>> read_attestation_roots(const Config& config);

// --socket, else $SIGNET_SOCKET, else the configuration's, else the usual place. Absolute.
Result<std::filesystem::path> choose_socket(const DaemonOptions& options, const Config& config);
// --state, else the configuration's, else the usual place. Absolute.
std::filesystem::path choose_state(const DaemonOptions& options, const Config& config);

// Null for a configuration whose checkpoints are off. `tokens` outlives it.
std::unique_ptr<Checkpointer> make_checkpointer(boost::asio::any_io_executor executor,
                                                const CheckpointConfig& config, TokenService& tokens,
                                                const std::filesystem::path& state);

}  // namespace signet
