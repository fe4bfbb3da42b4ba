#include "agent/service/state.h"

#include <array>
#include <ctime>
#include <utility>

#include "agent/policy/accounts.h"

namespace signet {

ServiceState::ServiceState(boost::asio::any_io_executor executor_, TokenService& tokens_, JwksOwnership jwks)
    : executor(std::move(executor_)),
      tokens(tokens_),
      feed(std::make_shared<RecordFeed>(executor)),
      policy(load_builtin_policy(system_accounts())),
      identification(nullptr, jwks) {}

void ServiceState::use_ledger(std::unique_ptr<Ledger> opened) {
  ledger = std::move(opened);
  ledger_fault.reset();
  replay_store = std::make_unique<LedgerReplayStore>(*ledger);
  identification.set_store(replay_store.get());
  if (on_ledger) on_ledger(ledger.get());
}

Result<Ledger*> require_ledger(const ServiceState& state) {
  if (state.ledger) return state.ledger.get();
  if (state.ledger_fault) return *state.ledger_fault;
  return Error{ErrorName::NotInitialised,
               "This agent has no ledger yet, and signs nothing without one. Create it once with \"signet "
               "init\" (in " +
                   state.state_directory.string() + ")."};
}

LedgerOptions ledger_options(const ServiceState& state) {
  LedgerOptions options;
  options.on_commit = [feed = state.feed, checkpoints = state.checkpoints] {
    feed->committed();
    if (checkpoints) checkpoints->records_written();
  };
  return options;
}

boost::asio::awaitable<Result<void>> attach_checkpoints(ServiceState& state, Ledger& ledger) {
  if (!state.checkpoints) co_return Result<void>();
  co_return co_await state.checkpoints->attach(ledger);
}

Requester requester(const Peer& peer) {
  Requester who;
  who.uid = peer.uid;
  who.gid = peer.gid;
  who.pid = peer.pid;
  return who;
}

std::chrono::sys_seconds now_seconds() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

std::string time_text(std::chrono::sys_seconds time) {
  const std::time_t seconds = time.time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), length};
}

}  // namespace signet
