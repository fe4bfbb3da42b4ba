// signet ledger backup, signet ledger restore.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "client/command/ledger_verbs.h"
#include "client/command/session.h"

namespace signet::client {
namespace {

namespace fs = std::filesystem;

struct RestoreArguments {
  std::string file;
  std::optional<std::string> state, config;
};

Result<Outcome> back_up(Session& session, const std::string& file) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto facts = (*agent)->backup_ledger(fs::absolute(file).lexically_normal().string());
  if (!facts) return facts.error();
  std::string text = "The ledger " + printable(facts->ledger.substr(0, 16)) + "…, with " +
                     count_of(static_cast<std::size_t>(facts->records), "record", "records") +
                     ", is backed up in " + printable(facts->file) + " (" + std::to_string(facts->bytes) +
                     " bytes).\nIt holds private detail: keep it where only the agent's user reads it, with\n"
                     "pin-budget.key from the state directory (see \"signet status\").\n";
  boost::json::object json{
      {"file", facts->file}, {"ledger", facts->ledger}, {"records", facts->records}, {"bytes", facts->bytes}};
  return Outcome(std::move(text), std::move(json));
}

// The one beside this program, else the one in $PATH.
std::string agent_program() {
  std::error_code fault;
  const fs::path self = fs::read_symlink("/proc/self/exe", fault);
  const fs::path beside = self.parent_path() / "signetd";
  return !fault && ::access(beside.c_str(), X_OK) == 0 ? beside.string() : "signetd";
}

// Restoring is done by signetd's program itself: it knows where the state is and locks it, and no agent may
// run meanwhile.
Result<int> run_agent_program(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int fault =
      ::posix_spawnp(&child, words.front().c_str(), nullptr, nullptr, arguments.data(), environ);
  if (fault != 0)
    return Error{ErrorName::FileFault,
                 "The program signetd cannot be run: " + std::string(std::strerror(fault)) +
                     ". It restores the ledger: install it beside signet, or into $PATH."};
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

Result<Outcome> restore(Session& session, const RestoreArguments& arguments) {
  std::vector<std::string> words{agent_program(), "--restore", arguments.file};
  for (const auto& [name, value] : {std::pair{"--state", &arguments.state}, {"--config", &arguments.config}})
    if (*value) words.insert(words.end(), {name, **value});
  if (session.globals().json) words.emplace_back("--json");
  const auto status = run_agent_program(words);
  if (!status) return status.error();
  Outcome outcome;
  outcome.streamed = true;  // signetd has said what there is to say
  outcome.exit_code = *status == 0 ? ExitCode::Ok : *status == 2 ? ExitCode::Usage : ExitCode::Failed;
  return outcome;
}

}  // namespace

void add_backup_verbs(Verb& group) {
  auto file = std::make_shared<std::string>();
  Verb backup = group.verb("backup", "Copy the ledger, as it is now, while the agent runs.",
                           "The agent writes the copy: as its own user, mode 0600, checked and synced, and\n"
                           "never over a file that is there. Others sign meanwhile.\n"
                           "\n"
                           "Example:\n"
                           "  signet ledger backup /var/backups/signet/ledger-2026-11-22.db\n");
  backup.positional("FILE", file.get(), "The copy, a path as the agent sees it.");
  backup.run([file](Session& session) { return back_up(session, *file); });

  auto arguments = std::make_shared<RestoreArguments>();
  Verb restore_verb =
      group.verb("restore", "Put a backup in the ledger's place; the agent must be stopped.",
                 "The backup is checked before anything changes, and the ledger that it replaces is\n"
                 "moved aside, not deleted. A restored ledger has forgotten what was signed since the\n"
                 "backup: it is quarantined, and each role signs again only after the agent was shown\n"
                 "what is published (\"signet repository observe\"). Run this as the agent's user.\n"
                 "\n"
                 "Example:\n"
                 "  signet ledger restore /var/backups/signet/ledger-2026-11-22.db\n");
  restore_verb.positional("FILE", &arguments->file, "The backup.");
  restore_verb.option("--state", "DIR", &arguments->state,
                      "The agent's state directory. Without it: the configuration's, else the usual one.");
  restore_verb.option("--config", "FILE", &arguments->config, "The agent's configuration.");
  restore_verb.run([arguments](Session& session) { return restore(session, *arguments); });
}

}  // namespace signet::client
