// Reservations whose tokens are being asked now. In memory only: after a crash nothing is in flight, and
// nothing of what was in flight left the agent.
//
// Not thread safe. Additions can be undone until committed(): the transaction that they belong to may fail.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/ledger/ledger_types.h"

namespace signet {

struct InFlightReservation {
  std::int64_t role = 0;  // roles.id
  ReserveRequest request;
};

class InFlight {
 public:
  void add(std::int64_t id, InFlightReservation reservation);
  // Ends it, whatever comes of the transaction: its caller will not ask again.
  std::optional<InFlightReservation> take(std::int64_t id);
  bool contains(std::int64_t id) const { return reservations_.contains(id); }
  bool empty() const { return reservations_.empty(); }

  // The versions of a role that are in flight.
  std::set<std::int64_t> versions(std::int64_t role) const;
  // Other bytes of this version, in any epoch.
  bool other_bytes(std::int64_t role, std::int64_t version, const std::string& digest) const;
  // The key signs metadata of this type for another role (of any repository).
  bool key_elsewhere(const std::string& fingerprint, const std::string& type, std::int64_t role) const;

  void committed() { fresh_.clear(); }
  void rolled_back();

 private:
  using VersionKey = std::pair<std::int64_t, std::int64_t>;  // role, version
  using KeyType = std::pair<std::string, std::string>;       // fingerprint, type

  std::map<std::int64_t, InFlightReservation> reservations_;
  std::multimap<VersionKey, std::int64_t> by_version_;
  std::multimap<KeyType, std::int64_t> by_key_;
  std::vector<std::int64_t> fresh_;
};

}  // namespace signet
