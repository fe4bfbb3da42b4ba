// What the command tells a script by its exit status. The table that docs/cli.md and "signet --help" print.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "protocol/result.h"

namespace signet::client {

enum class ExitCode {
  Ok = 0,
  Failed = 1,
  Usage = 2,
  NoAgent = 3,
  Pin = 4,
  TokenAbsent = 5,
  VersionConflict = 6,
  NotVerified = 7,
  Busy = 8,
  Refused = 9,
  Invalid = 10,
  NotInitialised = 11,
  Interrupted = 130,
};

inline constexpr std::array<std::pair<ExitCode, std::string_view>, 13> kExitCodes{{
    {ExitCode::Ok, "done"},
    {ExitCode::Failed, "failed, for a reason that has no code of its own"},
    {ExitCode::Usage, "the command line is wrong"},
    {ExitCode::NoAgent, "the agent cannot be reached, or stopped answering"},
    {ExitCode::Pin, "a PIN is needed, or was refused"},
    {ExitCode::TokenAbsent, "a token is not there"},
    {ExitCode::VersionConflict, "this version was released with other bytes, or a newer one is known"},
    {ExitCode::NotVerified, "verify: something does not verify"},
    {ExitCode::Busy, "busy, or nobody touched the token: try again"},
    {ExitCode::Refused, "policy, or a rule about this key, refuses it"},
    {ExitCode::Invalid, "the input is not valid (metadata, a name, a limit)"},
    {ExitCode::NotInitialised, "the agent has no ledger yet: run \"signet init\""},
    {ExitCode::Interrupted, "given up at a prompt"},
}};

ExitCode exit_code(const Error& error);

}  // namespace signet::client
