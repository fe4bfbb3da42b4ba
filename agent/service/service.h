// The agent's methods: everything that org.signet.Agent can be asked, joined from the ledger, the tokens and
// the signing rule.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <memory>

#include "agent/service/state.h"
#include "agent/tokens/token_service.h"
#include "agent/varlink/handler.h"

namespace signet {

// One per agent; lives on its event loop, longer than the server that calls its methods. Not thread safe.
class Service {
 public:
  Service(boost::asio::any_io_executor executor, TokenService& tokens, std::filesystem::path state_directory,
          std::filesystem::path socket, JwksOwnership jwks = JwksOwnership::Own);

  // Opens the ledger if there is one, and loads the keys. Never fails: a ledger that is absent or unusable is
  // what the methods then say. `on_ledger` is told of the ledger now or when CreateLedger makes it.
  boost::asio::awaitable<void> start(std::function<void(Ledger*)> on_ledger);

  MethodTable methods();

  void configure(const ServiceSettings& settings) {
    state_.settings = settings;
    state_.messages.set_delay(settings.message_record_delay);
  }
  // Not null. For the calls that begin afterwards, and for what is judged again after a person was asked.
  void set_policy(LoadedPolicyPtr policy);
  void ask_through(AskPerson ask_person) { state_.ask_person = std::move(ask_person); }
  // Before start(); outlives this.
  void use_checkpoints(Checkpointer& checkpoints) { state_.checkpoints = &checkpoints; }
  // Where the methods read large metadata, and the server large frames. Lives as long as this.
  Workbench& workbench() { return state_.bench; }
  // Told of every COMMIT of the ledger.
  std::shared_ptr<RecordFeed> feed() const { return state_.feed; }
  void report_sinks(std::function<std::vector<SinkState>()> sinks) { state_.sinks = std::move(sinks); }
  void count_connections(std::function<std::size_t()> count) { state_.connections = std::move(count); }

 private:
  ServiceState state_;
};

}  // namespace signet
