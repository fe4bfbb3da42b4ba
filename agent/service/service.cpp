#include "agent/service/service.h"

#include <spdlog/spdlog.h>

#include "agent/service/methods.h"

namespace signet {

Service::Service(boost::asio::any_io_executor executor, TokenService& tokens,
                 std::filesystem::path state_directory, std::filesystem::path socket, JwksOwnership jwks)
    : state_(executor, tokens, jwks) {
  state_.state_directory = std::move(state_directory);
  state_.socket = std::move(socket);
  state_.started = time_text(now_seconds());
}

boost::asio::awaitable<void> Service::start(std::function<void(Ledger*)> on_ledger) {
  state_.on_ledger = std::move(on_ledger);
  auto ledger = open_ledger(state_.state_directory, ledger_options(state_));
  if (!ledger) {
    const Error error = ledger.error();
    if (error.name == ErrorName::NotInitialised) {
      spdlog::info("{}", require_ledger(state_).error().message);
      co_return;
    }
    spdlog::error("The ledger cannot be used: {}", error.message);
    state_.ledger_fault = error;
    co_return;
  }
  auto keys = co_await (*ledger)->keys();
  if (!keys) {
    spdlog::error("The ledger's keys cannot be read: {}", keys.error().message);
    state_.ledger_fault = keys.error();
    co_return;
  }
  state_.keys.load(std::move(*keys));
  if (const auto compared = co_await attach_checkpoints(state_, **ledger); !compared) {
    spdlog::error("The ledger cannot be held against its checkpoints: {}", compared.error().message);
    state_.ledger_fault = compared.error();
    co_return;
  }
  state_.use_ledger(std::move(*ledger));
}

void Service::set_policy(LoadedPolicyPtr policy) {
  state_.identification.set_issuers(policy->policy.issuers);
  state_.policy = std::move(policy);
}

MethodTable Service::methods() {
  MethodTable table;
  add_status_methods(state_, table);
  add_checkpoint_methods(state_, table);
  add_token_methods(state_, table);
  add_watch_methods(state_, table);
  add_key_methods(state_, table);
  add_repository_methods(state_, table);
  add_metadata_methods(state_, table);
  add_message_methods(state_, table);
  add_policy_methods(state_, table);
  add_request_methods(state_, table);
  add_approval_methods(state_, table);
  return table;
}

}  // namespace signet
