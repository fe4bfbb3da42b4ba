// How the agent asks a person: through its pinentry.
#pragma once

#include "agent/pinentry/pinentry.h"
#include "agent/service/state.h"
#include "agent/tokens/pin_source.h"

namespace signet {

// Borrows `pinentry`, which lives longer than the calls that ask.
AskPerson ask_by_pinentry(Pinentry& pinentry);
PinPrompt ask_pin_by_pinentry(Pinentry& pinentry);

}  // namespace signet
