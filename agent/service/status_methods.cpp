#include <unistd.h>

#include <boost/json/array.hpp>

#include "agent/service/authorisation.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/replies.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

constexpr std::int64_t kMaxRecordsPerRead = 1000;

awaitable<void> describe_checkpoints(ServiceState& state, Ledger& ledger, boost::json::object& reply) {
  if (const auto quarantine = co_await ledger.quarantine(); quarantine && *quarantine)
    reply["quarantine"] = to_json(**quarantine);
  if (!state.checkpoints) co_return;
  if (const auto newest = co_await ledger.checkpoint(); newest)
    reply["checkpoint"] = to_json(state.checkpoints->state(), *newest);
}

boost::json::array sinks_json(const ServiceState& state, std::int64_t records) {
  boost::json::array sinks;
  if (!state.sinks) return sinks;
  for (const SinkState& sink : state.sinks()) sinks.push_back(to_json(sink, records));
  return sinks;
}

awaitable<Reply> status(ServiceState& state) {
  boost::json::array modules;
  const auto described = co_await state.tokens.modules();
  for (const ModuleDescription& module : described) modules.push_back(to_json(module));
  boost::json::object reply{
      {"version", SIGNET_VERSION},
      {"pid", static_cast<std::int64_t>(::getpid())},
      {"started", state.started},
      {"socket", state.socket.string()},
      {"state", state.state_directory.string()},
      {"ledger", nullptr},
      {"ledgerFault", nullptr},
      {"modules", std::move(modules)},
      {"checkpoint", nullptr},
      {"quarantine", nullptr},
      {"connections", static_cast<std::int64_t>(state.connections ? state.connections() : 0)}};
  std::int64_t records = 0;
  if (state.ledger_fault) reply["ledgerFault"] = state.ledger_fault->message;
  if (state.ledger) {
    const auto summary = co_await state.ledger->summary();
    if (summary) {
      reply["ledger"] = to_json(*summary);
      records = summary->records;
    } else {
      reply["ledgerFault"] = summary.error().message;
    }
    co_await describe_checkpoints(state, *state.ledger, reply);
  }
  reply["sinks"] = sinks_json(state, records);
  co_return reply;
}

awaitable<Reply> create_ledger(ServiceState& state, Call call) {
  if (state.ledger || state.ledger_fault)
    co_return Error{ErrorName::AlreadyExists,
                    "There is a ledger in " + state.state_directory.string() +
                        " already; it is never replaced. Use another state directory for another ledger.",
                    {{"kind", "ledger"}, {"name", state.state_directory.string()}}};
  const auto allowed = co_await authorise(state, call.peer, Action::Administer, "Create the agent's ledger?");
  if (!allowed) co_return allowed.error();
  auto ledger = signet::create_ledger(state.state_directory, ledger_options(state));
  if (!ledger) co_return ledger.error();
  if (const auto attached = co_await attach_checkpoints(state, **ledger); !attached)
    co_return attached.error();
  state.use_ledger(std::move(*ledger));
  const auto summary = co_await state.ledger->summary();
  if (!summary) co_return summary.error();
  boost::json::object reply{{"ledger", to_json(*summary)}};
  co_return reply;
}

awaitable<Reply> read_ledger(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto first = integer_parameter(call.parameters, "first");
  if (!first) co_return first.error();
  const auto limit = integer_parameter(call.parameters, "limit");
  if (!limit) co_return limit.error();
  if (*first < 1) co_return invalid_parameter("first", "\"first\" is a sequence number, from 1 on.");
  if (*limit < 1 || *limit > kMaxRecordsPerRead)
    co_return invalid_parameter("limit", "\"limit\" is a number of records from 1 to 1000.");
  const auto allowed = co_await authorise(state, call.peer, Action::ReadLedger, "Read the ledger's records?");
  if (!allowed) co_return allowed.error();
  const auto rows = co_await (*ledger)->read(*first, *limit);
  if (!rows) co_return rows.error();
  boost::json::array records;
  for (const RecordRow& row : *rows) records.push_back(to_json(row));
  boost::json::object reply{{"records", std::move(records)}};
  co_return reply;
}

}  // namespace

void add_status_methods(ServiceState& state, MethodTable& table) {
  table["Status"].handler = [&state](Call) { return status(state); };
  table["CreateLedger"].handler = [&state](Call call) { return create_ledger(state, call); };
  table["ReadLedger"].handler = [&state](Call call) { return read_ledger(state, call); };
}

}  // namespace signet
