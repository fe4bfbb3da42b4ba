// signet key certificate …
#pragma once

#include "client/command/command_line.h"

namespace signet::client {

// `key`: the group "signet key".
void add_certificate_verbs(Verb& key);

}  // namespace signet::client
