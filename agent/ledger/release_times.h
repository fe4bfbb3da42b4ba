// When versions were released: what a policy's versions-per-hour counts. SQL only.
#pragma once

#include <cstdint>
#include <set>
#include <string_view>

#include "agent/ledger/database.h"

namespace signet {

// Not thread safe. Faults are the database's.
class ReleaseTimes {
 public:
  explicit ReleaseTimes(Database& database) : database_(database) {}

  // A release of the same version again does not make it newer: it is one version. time: seconds since 1970.
  void note(std::int64_t role, std::int64_t version, std::int64_t time);
  std::set<std::int64_t> versions_since(std::int64_t role, std::int64_t time);

 private:
  Database& database_;
};

}  // namespace signet
