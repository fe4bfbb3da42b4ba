// The agent's values as the IDL's types.
#pragma once

#include <boost/json/object.hpp>

#include "agent/checkpoint/checkpointer.h"
#include "agent/ledger/ledger.h"
#include "agent/sinks/sink_pump.h"
#include "agent/tokens/token_service.h"

namespace signet {

boost::json::object to_json(const LedgerSummary& summary);
boost::json::object to_json(const ModuleDescription& module);
boost::json::object to_json(const TokenDescription& token);
boost::json::object to_json(const KeyEvidence& evidence);
// With why a token of its is not asked now.
boost::json::object to_json(const LedgerKey& key, const TokenService& tokens);
boost::json::object to_json(const RecordRow& record);
boost::json::object to_json(const Quarantine& quarantine);
boost::json::object to_json(const CheckpointerState& state, const KeptCheckpoint& newest);
boost::json::object to_json(const LedgerFinding& finding);
// records: how many the ledger has.
boost::json::object to_json(const SinkState& sink, std::int64_t records);
// A per-key failure: {error, parameters with "message"}.
boost::json::object fault_json(const Error& error);

}  // namespace signet
