#include "agent/ledger/in_flight.h"

#include <algorithm>

namespace signet {
namespace {

template <typename Map>
void erase_entry(Map& map, const typename Map::key_type& key, std::int64_t id) {
  const auto [first, last] = map.equal_range(key);
  const auto found = std::find_if(first, last, [&](const auto& entry) { return entry.second == id; });
  if (found != last) map.erase(found);
}

}  // namespace

void InFlight::add(std::int64_t id, InFlightReservation reservation) {
  const ReserveRequest& request = reservation.request;
  by_version_.emplace(VersionKey{reservation.role, request.version}, id);
  for (const std::string& fingerprint : request.fingerprints)
    by_key_.emplace(KeyType{fingerprint, request.type}, id);
  reservations_.emplace(id, std::move(reservation));
  fresh_.push_back(id);
}

std::optional<InFlightReservation> InFlight::take(std::int64_t id) {
  const auto found = reservations_.find(id);
  if (found == reservations_.end()) return std::nullopt;
  InFlightReservation reservation = std::move(found->second);
  reservations_.erase(found);
  const ReserveRequest& request = reservation.request;
  erase_entry(by_version_, {reservation.role, request.version}, id);
  for (const std::string& fingerprint : request.fingerprints)
    erase_entry(by_key_, {fingerprint, request.type}, id);
  return reservation;
}

std::set<std::int64_t> InFlight::versions(std::int64_t role) const {
  std::set<std::int64_t> found;
  // Versions are 1 or more, so {role, 0} is before all of the role's.
  for (auto entry = by_version_.lower_bound({role, 0});
       entry != by_version_.end() && entry->first.first == role; ++entry)
    found.insert(entry->first.second);
  return found;
}

bool InFlight::other_bytes(std::int64_t role, std::int64_t version, const std::string& digest) const {
  const auto [first, last] = by_version_.equal_range({role, version});
  return std::any_of(first, last, [&](const auto& entry) {
    return reservations_.at(entry.second).request.digest != digest;
  });
}

bool InFlight::key_elsewhere(const std::string& fingerprint, const std::string& type,
                             std::int64_t role) const {
  const auto [first, last] = by_key_.equal_range({fingerprint, type});
  return std::any_of(first, last,
                     [&](const auto& entry) { return reservations_.at(entry.second).role != role; });
}

void InFlight::rolled_back() {
  for (const std::int64_t id : std::exchange(fresh_, {})) take(id);
}

}  // namespace signet
