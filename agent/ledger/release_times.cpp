#include "agent/ledger/release_times.h"

namespace signet {

void ReleaseTimes::note(std::int64_t role, std::int64_t version, std::int64_t time) {
  run(database_, "INSERT INTO release_times (role, version, time) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
      role, version, time);
}

std::set<std::int64_t> ReleaseTimes::versions_since(std::int64_t role, std::int64_t time) {
  std::set<std::int64_t> versions;
  for (Query row(database_, "SELECT version FROM release_times WHERE role = ?1 AND time >= ?2", role, time);
       row.next();)
    versions.insert(row.integer(0));
  return versions;
}

}  // namespace signet
