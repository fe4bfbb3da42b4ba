// signetd: the parts of the agent, joined, from the start to the drain.
#pragma once

#include <filesystem>
#include <optional>

namespace signet {

// What the command line says; it goes before the environment and the configuration.
struct DaemonOptions {
  std::optional<std::filesystem::path> config, socket, state;
  // What harden_process() says; logged.
  const char* refused_hardening = nullptr;
};

// Reads a policy and says on standard output that it is good, or on standard error what is not; returns the
// exit status: 0 or 2.
int check_policy(const std::filesystem::path& file);

// Runs until SIGTERM or SIGINT, and returns the exit status: 0 after a drain, 1 if the agent could not start
// (the reason is on standard error), 2 for a bad configuration.
int run_daemon(const DaemonOptions& options);

}  // namespace signet
