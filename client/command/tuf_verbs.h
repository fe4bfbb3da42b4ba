// The verbs of "signet tuf", one file each.
#pragma once

#include "client/command/command_line.h"

namespace signet::client {

void add_tuf_sign(Verb& group);
void add_tuf_show(Verb& group);
void add_tuf_verify(Verb& group);

}  // namespace signet::client
