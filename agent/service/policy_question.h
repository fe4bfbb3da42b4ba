// A PolicyQuestion of the IDL, as the request that it asks about.
#pragma once

#include <boost/json/object.hpp>

#include "agent/policy/decide.h"
#include "agent/service/key_book.h"
#include "agent/varlink/handler.h"
#include "protocol/result.h"

namespace signet {

// Fills in what the agent knows: the caller, the groups of a user (asks the system), an enrolled key's
// fingerprint, algorithm, uses and token. InvalidParameter with the name of the member that cannot be read;
// NotFound (user, key).
Result<PolicyRequest> read_policy_question(const boost::json::object& question, const Peer& caller,
                                           const KeyBook& keys, std::chrono::sys_seconds now);

}  // namespace signet
