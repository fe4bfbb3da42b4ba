// Watch: tokens that come, change and go.
#include <boost/json/object.hpp>
#include <map>

#include "agent/service/methods.h"
#include "agent/service/replies.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

// The watcher looks that often whether its client is still there.
constexpr std::chrono::seconds kLook(1);

using Known = std::map<std::string, TokenDescription>;  // by module and URI

Known known_tokens(const std::vector<TokenDescription>& tokens) {
  Known known;
  for (const TokenDescription& token : tokens) known.emplace(token.module + ' ' + token.uri, token);
  return known;
}

boost::json::object change_json(std::string_view kind, const TokenDescription& token) {
  boost::json::object change{{"kind", kind}, {"token", to_json(token)}};
  return {{"change", std::move(change)}};
}

// What to tell of between two looks: first what left, then what came.
std::vector<boost::json::object> changes(const Known& before, const Known& now) {
  std::vector<boost::json::object> told;
  for (const auto& [id, token] : before) {
    if (!now.contains(id)) told.push_back(change_json("removed", token));
  }
  for (const auto& [id, token] : now) {
    const auto old = before.find(id);
    if (old == before.end()) {
      told.push_back(change_json("inserted", token));
    } else if (old->second.state != token.state || old->second.pin != token.pin ||
               old->second.name != token.name) {
      told.push_back(change_json("changed", token));
    }
  }
  return told;
}

awaitable<Reply> watch(ServiceState& state, Call call) {
  Known known;
  std::uint64_t seen = 0;
  while (!call.events.over()) {
    const std::uint64_t now = co_await state.tokens.changed(seen, kLook);
    if (now == 0) break;  // the agent is stopping
    if (now == seen) continue;
    seen = now;
    const auto listed = co_await state.tokens.list();
    Known present = known_tokens(listed);
    for (boost::json::object& change : changes(known, present)) co_await call.events.send(std::move(change));
    known = std::move(present);
  }
  boost::json::object last{{"change", nullptr}};
  co_return last;
}

}  // namespace

void add_watch_methods(ServiceState& state, MethodTable& table) {
  Method& method = table["Watch"];
  method.handler = [&state](Call call) { return watch(state, call); };
  method.allow_more = true;
  method.require_more = true;
}

}  // namespace signet
