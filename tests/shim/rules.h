// What the shim does to which call: the language of its control file. Pure functions, thread safe.
//
// One rule a line, `#` starts a comment:
//   CALL WHICH ACTION [ARGUMENT]
// CALL: a Cryptoki function, e.g. C_Sign. WHICH: `2` (the second call since the counters were made), `2+`,
// `2-5`, `*`, `1%` (about one call in a hundred, the same ones in every run). ACTION:
//   delay MS       waits, then goes on with the next rule or the real call
//   fail CKR       returns CKR (0x…) without the real call
//   lose CKR       makes the real call, then returns CKR all the same
//   corrupt        makes the real call; flips one bit of the signature (C_Sign only)
//   flags MASK     makes the real call; sets these bits in the answer's flags (C_GetTokenInfo, C_GetSlotInfo)
//   reset          closes all sessions of all slots first, as an HSM that restarts behind its library does;
//                  then makes the real call
//   logout         logs the user out first, as an HSM that ends its logins does (C_SignInit, C_Sign only);
//   then
//                  makes the real call
//   hang           never returns
//   crash          dies of SIGSEGV
// Counters are kept across processes (see counters.h), so `C_Sign 1 crash` kills the first host, not the next
// one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signet::shim {

enum class Action { Delay, Fail, Lose, Corrupt, Flags, Reset, Logout, Hang, Crash };

struct Rule {
  std::string call;
  std::uint64_t first = 1, last = UINT64_MAX;  // of the call's count, from 1, both inclusive
  Action action = Action::Fail;
  std::uint64_t argument = 0;
  std::uint64_t percent = 100;  // of the calls from first to last
};

// Nothing if a line cannot be read: the shim then makes every call fail, so that a typing error is seen.
std::optional<std::vector<Rule>> parse_rules(std::string_view text);

// The rules for the call's `count`th time, in the file's order, up to and including the first one that is no
// Delay.
std::vector<Rule> matching_rules(const std::vector<Rule>& rules, std::string_view call, std::uint64_t count);

}  // namespace signet::shim
