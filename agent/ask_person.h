// How the agent asks a person: through its pinentry.
#pragma once

#include "agent/pinentry/pinentry.h"
#include "agent/service/state.h"

namespace signet {

// Borrows `pinentry`, which lives longer than the calls that ask.
AskPerson ask_by_pinentry(Pinentry& pinentry);

}  // namespace signet
