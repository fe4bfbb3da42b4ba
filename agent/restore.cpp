#include "agent/restore.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <string>

#include "agent/config/state_directory.h"
#include "agent/daemon_setup.h"
#include "agent/ledger/ledger_backup.h"

namespace signet {
namespace {

int fail(const Error& error, bool json, int status) {
  if (json) {
    const std::string_view name = short_name(error.name);
    const boost::json::object document{
        {"error", {{"name", name}, {"message", error.message}, {"parameters", error.parameters}}}};
    std::printf("%s\n", boost::json::serialize(document).c_str());
  } else {
    std::fprintf(stderr, "signetd: %s\n", error.message.c_str());
  }
  return status;
}

void tell(const RestoreFacts& facts, const std::filesystem::path& state) {
  std::printf("The ledger %s…, with %lld records, is restored in %s.\n", facts.ledger.substr(0, 16).c_str(),
              static_cast<long long>(facts.records), state.c_str());
  if (!facts.replaced.empty()) std::printf("What it replaced is kept in %s.\n", facts.replaced.c_str());
  std::printf(
      "It has forgotten what was signed since the backup. Start the agent and show it what is published\n"
      "(\"signet repository observe\"): a role signs again only after that.\n");
}

}  // namespace

int restore_from(const DaemonOptions& options, const std::filesystem::path& backup, bool json) {
  const Result<Config> config = read_configuration(options);
  if (!config) return fail(config.error(), json, 2);
  // The lock is held until the end: no agent starts meanwhile.
  const Result<StateDirectory> state = StateDirectory::open(choose_state(options, *config));
  if (!state) return fail(state.error(), json, 1);
  const auto facts = restore_ledger(state->path(), backup);
  if (!facts) return fail(facts.error(), json, 1);
  if (json) {
    const boost::json::object document{{"ledger", facts->ledger},
                                       {"records", facts->records},
                                       {"state", state->path().string()},
                                       {"replaced", facts->replaced.string()}};
    std::printf("%s\n", boost::json::serialize(document).c_str());
  } else {
    tell(*facts, state->path());
  }
  return 0;
}

}  // namespace signet
