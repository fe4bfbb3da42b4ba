// How often each identity token was used: what keeps a stolen or repeated token from being used more often
// than the policy allows, also across crashes. A token is known by a hash; the token itself is never written.
#pragma once

#include <cstdint>

#include "agent/ledger/database.h"
#include "agent/ledger/ledger_types.h"

namespace signet {

// Rows are kept for so long after their token expired: longer than a policy lets clocks be off.
inline constexpr std::int64_t kReplayKept = 15 * 60;  // seconds
// Rows that one use removes at most, so that no use pays for all that expired.
inline constexpr std::int64_t kReplayForgottenAtOnce = 64;

// Contracts: ledger.h. Not thread safe.
class ReplayTable {
 public:
  explicit ReplayTable(Database& database) : database_(database) {}

  // Whether the token may be used once more; writes nothing.
  TokenUseVerdict check(const TokenUse& use);
  // The same, and if it may be used, that it was. Removes what expired long ago.
  TokenUseVerdict count(const TokenUse& use);

 private:
  void forget(std::int64_t now);

  Database& database_;
};

}  // namespace signet
