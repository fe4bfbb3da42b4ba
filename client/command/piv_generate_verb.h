// signet key generate --slot: a key in a PIV card's slot, made by its own tool and enrolled.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "client/command/command_line.h"
#include "client/command/piv_generation.h"

namespace signet::client {

struct PivArguments {
  std::optional<std::string> slot;
  std::string pin_policy = "default", touch_policy = "always";
  bool then_enrol = false;
};

// --slot, --pin-policy, --touch-policy, --then-enrol.
void add_piv_options(Verb& verb, PivArguments& arguments);

// Enrols the key of this URI under the name and the uses that were asked for.
using EnrolUri = std::function<Result<Outcome>(const std::string& uri)>;

// Prints ykman's commands; enrols what they made once the person at the terminal says that they are done, or
// at once with --then-enrol. Without a terminal the commands are the outcome, with ExitCode::Failed. The
// token's host begins anew before it enrols, and wants the PIN: `pin`, else enrol() sees to it.
Result<Outcome> generate_in_slot(Session& session, const std::string& token_name, PivKey key,
                                 const PivArguments& arguments, const std::optional<Secret>& pin,
                                 const EnrolUri& enrol);

// Why a token refused to make a key, if that is because its keys lie in slots: InvalidParameter (--slot).
// Else the error as it is.
Error explain_missing_slot(Session& session, const std::string& token_name, Error error);

}  // namespace signet::client
