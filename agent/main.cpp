// signetd: the agent's program.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "agent/daemon.h"
#include "agent/hardening.h"
#include "agent/restore.h"

namespace {

constexpr char kFooter[] =
    "Without options it serves the person who starts it: socket $XDG_RUNTIME_DIR/signet/agent.sock, state\n"
    "$XDG_STATE_HOME/signet, configuration ~/.config/signet/signet.toml if there is one, and the PKCS#11 "
    "modules that\n"
    "p11-kit knows. It stays in the foreground and writes its log to standard error.\n"
    "\n"
    "Signals:  SIGTERM, SIGINT   let calls in progress end, then exit 0\n"
    "          SIGHUP            read configuration and policy again; a bad one is refused and the old one "
    "stays\n"
    "Exit:     0 stopped, 1 cannot start, 2 bad configuration, policy or usage\n"
    "See also: signet(1) talks to it: \"signet status\", \"signet init\".";

}  // namespace

int main(int argc, char** argv) {
  const char* refused = signet::harden_process();
  CLI::App app{"Signet's agent: signs with keys that never leave their token.", "signetd"};
  signet::DaemonOptions options;
  options.refused_hardening = refused;
  app.add_option("--config", options.config, "Read the configuration from this file")->type_name("FILE");
  app.add_option("--socket", options.socket, "Listen here; goes before $SIGNET_SOCKET and the configuration")
      ->type_name("PATH");
  app.add_option("--state", options.state, "Keep the ledger in this directory")->type_name("DIR");
  std::filesystem::path policy;
  const CLI::Option* check =
      app.add_option("--check-policy", policy, "Only check this policy: exit 0 if it is good, 2 if not")
          ->type_name("FILE");
  std::filesystem::path backup;
  bool json = false;
  const CLI::Option* restore =
      app.add_option("--restore", backup, "Only put this backup in the ledger's place; no agent may run")
          ->type_name("FILE");
  app.add_flag("--json", json, "With --restore: say what was done as one JSON document");
  app.set_version_flag("--version", std::string("signetd ") + SIGNET_VERSION);
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    if (check->count() > 0) return signet::check_policy(policy);
    if (restore->count() > 0) return signet::restore_from(options, backup, json);
    return signet::run_daemon(options);
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "signetd: %s\n", fault.what());
    return 1;
  }
}
