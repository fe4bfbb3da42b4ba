// AddKeyLocation, RemoveKeyLocation: one key on several tokens, replicated by its vendor's own means.
#include "agent/service/authorisation.h"
#include "agent/service/key_rules.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/replies.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

LedgerKeyLocation ledger_location(const FoundKey& found, KeyShare share) {
  LedgerKeyLocation location;
  location.uri = found.uri;
  location.token_label = found.token_label;
  location.token_serial = found.token_serial;
  location.evidence = to_json(found.evidence);
  location.share = share;
  return location;
}

// The caller's key; one that may still sign.
Result<KeyBook::Entry> active_key(const ServiceState& state, const boost::json::object& parameters) {
  const auto name = text_parameter(parameters, "key");
  if (!name) return name.error();
  KeyBook::Entry entry = state.keys.find(*name);
  if (!entry) return key_not_found(*name);
  if (entry->retired)
    return Error{ErrorName::KeyRefused,
                 "The key " + entry->name + " is retired: where it is does not matter any more.",
                 {{"key", entry->name}, {"why", "retired"}}};
  return entry;
}

Result<KeyShare> parse_share(const boost::json::object& parameters) {
  const auto order = optional_integer(parameters, "order");
  if (!order) return order.error();
  const auto weight = optional_integer(parameters, "weight");
  if (!weight) return weight.error();
  return key_share(*order, *weight);
}

Reply changed_key(ServiceState& state, LedgerKey key) {
  boost::json::object reply{{"key", to_json(key, state.tokens)}};
  state.keys.put(std::move(key));
  return reply;
}

awaitable<Reply> add_location(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto entry = active_key(state, call.parameters);
  if (!entry) co_return entry.error();
  const LedgerKey& key = **entry;
  auto uri = text_parameter(call.parameters, "uri");
  if (!uri) co_return uri.error();
  const auto share = parse_share(call.parameters);
  if (!share) co_return share.error();
  const auto found = co_await state.tokens.find(std::move(*uri));
  if (!found) co_return found.error();
  if (const auto fits = check_further_location(key, *found); !fits) co_return fits.error();
  LedgerKeyLocation location = ledger_location(*found, *share);
  PolicyToken token = policy_token(location);
  std::string question = "Let the key " + key.name + ", SHA-256 " + key.fingerprint + ", sign on the token " +
                         location.token_label + " too?";
  const auto allowed = co_await authorise_key(state, call.peer, Action::Enrol, policy_key(key),
                                              std::move(token), std::move(question));
  if (!allowed) co_return allowed.error();
  auto changed =
      co_await (*ledger)->add_key_location(key.fingerprint, std::move(location), requester(call.peer));
  if (!changed) co_return changed.error();
  co_return changed_key(state, std::move(*changed));
}

awaitable<Reply> remove_location(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto entry = active_key(state, call.parameters);
  if (!entry) co_return entry.error();
  const LedgerKey& key = **entry;
  const auto selector = text_parameter(call.parameters, "token");
  if (!selector) co_return selector.error();
  const auto location = named_location(key, *selector);
  if (!location) co_return location.error();
  std::string question = "Let the key " + key.name + ", SHA-256 " + key.fingerprint + ", sign on the token " +
                         location->token_label + " no more?";
  const auto allowed = co_await authorise_key(state, call.peer, Action::Enrol, policy_key(key),
                                              policy_token(*location), std::move(question));
  if (!allowed) co_return allowed.error();
  auto changed = co_await (*ledger)->remove_key_location(key.fingerprint, location->token_label,
                                                         location->token_serial, requester(call.peer));
  if (!changed) co_return changed.error();
  co_return changed_key(state, std::move(*changed));
}

}  // namespace

void add_key_location_methods(ServiceState& state, MethodTable& table) {
  table["AddKeyLocation"].handler = [&state](Call call) { return add_location(state, call); };
  table["RemoveKeyLocation"].handler = [&state](Call call) { return remove_location(state, call); };
}

}  // namespace signet
