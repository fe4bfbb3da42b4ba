#include "agent/ledger/replay_table.h"

#include <algorithm>

namespace signet {

TokenUseVerdict ReplayTable::check(const TokenUse& use) {
  if (Query row(database_,
                "SELECT uid, uses, max_uses FROM oidc_replay WHERE issuer = ?1 AND token_hash = ?2",
                use.issuer, use.token_hash);
      row.next()) {
    if (row.integer(0) != static_cast<std::int64_t>(use.uid)) return TokenUseVerdict::OtherUser;
    // The smaller of what the policy said at the first use and what it says now.
    const std::int64_t most = std::min(row.integer(2), use.max_uses);
    return row.integer(1) < most ? TokenUseVerdict::Allowed : TokenUseVerdict::UsedUp;
  }
  // A clock that was wrong, and is set back, must not bring tokens back whose rows are gone.
  if (Query row(database_, "SELECT expires FROM oidc_forgotten"); row.next() && use.expires <= row.integer(0))
    return TokenUseVerdict::Forgotten;
  return use.max_uses > 0 ? TokenUseVerdict::Allowed : TokenUseVerdict::UsedUp;
}

TokenUseVerdict ReplayTable::count(const TokenUse& use) {
  const TokenUseVerdict verdict = check(use);
  if (verdict != TokenUseVerdict::Allowed) return verdict;
  run(database_,
      "INSERT INTO oidc_replay (issuer, token_hash, uid, payload_digest, uses, max_uses, expires)"
      " VALUES (?1, ?2, ?3, nullif(?4, ''), 1, ?5, ?6)"
      " ON CONFLICT (issuer, token_hash) DO UPDATE SET uses = uses + 1",
      use.issuer, use.token_hash, static_cast<std::int64_t>(use.uid), use.payload_digest, use.max_uses,
      use.expires);
  forget(use.now);
  return verdict;
}

void ReplayTable::forget(std::int64_t now) {
  const std::int64_t gone = now - kReplayKept;
  std::int64_t newest = 0;
  std::int64_t count = 0;
  for (Query row(database_, "SELECT expires FROM oidc_replay WHERE expires < ?1 ORDER BY expires LIMIT ?2",
                 gone, kReplayForgottenAtOnce);
       row.next(); ++count)
    newest = row.integer(0);
  if (count == 0) return;
  // Rows that expired in the same second as the last one go too, however many.
  run(database_, "UPDATE oidc_forgotten SET expires = max(expires, ?1)", newest);
  run(database_, "DELETE FROM oidc_replay WHERE expires <= ?1", newest);
}

}  // namespace signet
