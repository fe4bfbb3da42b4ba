#include "agent/service/service.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "agent/service/ledger_opening.h"
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
  co_await open_ledger_once(state_);
  if (state_.ledger_fault && may_pass(*state_.ledger_fault))
    boost::asio::co_spawn(state_.executor, keep_opening_ledger(state_), boost::asio::detached);
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
  add_key_location_methods(state_, table);
  add_repository_methods(state_, table);
  add_metadata_methods(state_, table);
  add_message_methods(state_, table);
  add_certificate_methods(state_, table);
  add_token_certificate_methods(state_, table);
  add_policy_methods(state_, table);
  add_request_methods(state_, table);
  add_approval_methods(state_, table);
  add_record_methods(state_, table);
  add_backup_methods(state_, table);
  return table;
}

}  // namespace signet
