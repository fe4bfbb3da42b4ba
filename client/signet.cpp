#include "client/signet.h"

#include <utility>

#include "client/agent_state.h"
#include "client/reply.h"
#include "protocol/socket_path.h"

namespace signet::client {

using boost::json::object;

std::filesystem::path default_socket() {
  auto path = client_socket_path();
  return path ? *path : std::filesystem::path(kSystemSocket);
}

Result<Agent> Agent::connect(ConnectOptions options) {
  auto state = std::make_unique<State>();
  if (options.socket) {
    state->socket = *options.socket;
  } else {
    auto path = client_socket_path();
    if (!path) return path.error();
    state->socket = std::move(*path);
  }
  state->options = std::move(options);
  if (auto connected = state->reconnect(); !connected) return connected.error();
  return Agent(std::move(state));
}

Agent::Agent(std::unique_ptr<State> state) : state_(std::move(state)) {}
Agent::Agent(Agent&& other) noexcept = default;
Agent& Agent::operator=(Agent&& other) noexcept = default;
Agent::~Agent() = default;

const std::filesystem::path& Agent::socket() const {
  return state_->socket;
}

Result<AgentStatus> Agent::status() {
  return then(state_->plain("Status", {}), read_status);
}

Result<LedgerInfo> Agent::create_ledger() {
  return then(state_->plain("CreateLedger", {}), read_ledger_reply);
}

Result<object> Agent::call(std::string_view method, const object& parameters) {
  return state_->exchange(method, parameters, State::Wait::Token, nullptr);
}

Result<object> Agent::call_more(std::string_view method, const object& parameters,
                                const std::function<bool(const object&)>& on_reply) {
  return state_->exchange(method, parameters, State::Wait::Token, &on_reply);
}

}  // namespace signet::client
