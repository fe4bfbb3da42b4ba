// Where the agent's socket is, for both ends.
#pragma once

#include <filesystem>
#include <string_view>

#include "protocol/result.h"

namespace signet {

// The system's agent (mode 0660, root:signet).
inline constexpr std::string_view kSystemSocket = "/run/signet/agent.sock";

// A person's own agent: $SIGNET_SOCKET, else $XDG_RUNTIME_DIR/signet/agent.sock, else
// /run/user/UID/signet/agent.sock if that run directory exists. ConnectionFailed, saying what to set, if
// there is none of these.
Result<std::filesystem::path> personal_socket_path();

// What a client connects to: $SIGNET_SOCKET, else the personal socket if there is a file, else the system's
// if there is one, else the personal one (so that the message names the place where an agent is missed).
Result<std::filesystem::path> client_socket_path();

}  // namespace signet
