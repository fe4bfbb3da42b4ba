// Users by name and number, as this machine knows them: the agent is on the same one.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/result.h"

namespace signet::client {

// The number for a name, or for digits. InvalidParameter (parameter "--who") for a user that there is not.
Result<std::int64_t> uid_of(const std::string& user);
// "alice", or "uid 1234" for a number without a name.
std::string user_name(std::int64_t uid);

}  // namespace signet::client
