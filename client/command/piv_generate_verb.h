// signet key generate --slot: a key in a PIV card's slot, made by its module or by its own tool, and
// enrolled.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "client/command/command_line.h"
#include "client/command/pin_source.h"
#include "client/command/piv_generation.h"

namespace signet::client {

struct PivArguments {
  std::optional<std::string> slot;
  std::string pin_policy = "default", touch_policy = "always";
  PinOptions management_key;
  bool then_enrol = false;
};

// --slot, --pin-policy, --touch-policy, --so-pin-file, --so-pin-fd, --then-enrol.
void add_piv_options(Verb& verb, PivArguments& arguments);

// What to do with a key that is in its slot.
struct PivFollowUp {
  // Enrols the key of this URI under the name and the uses that were asked for.
  std::function<Result<Outcome>(const std::string& uri)> enrol;
  // Shows one that the agent made and enrolled; `note` is for people.
  std::function<Outcome(const KeyInfo& key, const std::string& note)> show;
};

// Has the agent make the key where the card's module can, with the management key: `arguments` has it, or the
// person at the terminal types it. Where it cannot, or nobody gives that key, prints why, and ykman's
// commands; enrols what they made once the person says that they are done, or at once with --then-enrol.
// Without a terminal the commands are the outcome, with ExitCode::Failed.
//
// `call` is the key that is wanted. Its PIN is for what ykman made: the token's host begins anew before that
// is enrolled; without it, enrol() sees to that.
Result<Outcome> generate_in_slot(Session& session, GenerateKeyCall call, const PivArguments& arguments,
                                 const PivFollowUp& follow_up);

// Why a token refused to make a key, if that is because its keys lie in slots: InvalidParameter (--slot).
// Else the error as it is.
Error explain_missing_slot(Session& session, const std::string& token_name, Error error);

}  // namespace signet::client
