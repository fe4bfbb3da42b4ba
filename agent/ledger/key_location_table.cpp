#include "agent/ledger/key_location_table.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace signet {
namespace {

namespace json = boost::json;

#define SIGNET_LOCATION_COLUMNS \
  "fingerprint, token_label, token_serial, uri, evidence, share_order, share_weight"

LedgerKeyLocation read_location(const Query& row) {
  LedgerKeyLocation location;
  location.token_label = row.text(1);
  location.token_serial = row.text(2);
  location.uri = row.text(3);
  boost::system::error_code ignored;  // we wrote it; quick_check guards the file
  const json::value evidence = json::parse(row.text(4), ignored);
  if (evidence.is_object()) location.evidence = evidence.get_object();
  location.share.order = static_cast<int>(row.integer(5));
  location.share.weight = static_cast<int>(row.integer(6));
  return location;
}

}  // namespace

std::vector<LedgerKeyLocation> KeyLocationTable::of(std::string_view fingerprint) {
  std::vector<LedgerKeyLocation> locations;
  for (Query row(database_,
                 "SELECT " SIGNET_LOCATION_COLUMNS " FROM key_locations WHERE fingerprint = ?1 ORDER BY id",
                 fingerprint);
       row.next();)
    locations.push_back(read_location(row));
  return locations;
}

std::map<std::string, std::vector<LedgerKeyLocation>> KeyLocationTable::all() {
  std::map<std::string, std::vector<LedgerKeyLocation>> locations;
  for (Query row(database_, "SELECT " SIGNET_LOCATION_COLUMNS " FROM key_locations ORDER BY id"); row.next();)
    locations[row.text(0)].push_back(read_location(row));
  return locations;
}

void KeyLocationTable::put(std::string_view fingerprint, const LedgerKeyLocation& location) {
  run(database_,
      "INSERT INTO key_locations (" SIGNET_LOCATION_COLUMNS
      ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
      " ON CONFLICT (fingerprint, token_label, token_serial) DO UPDATE SET uri = ?4, evidence = ?5,"
      " share_order = ?6, share_weight = ?7",
      fingerprint, location.token_label, location.token_serial, location.uri,
      json::serialize(location.evidence), std::int64_t{location.share.order},
      std::int64_t{location.share.weight});
}

void KeyLocationTable::remove(std::string_view fingerprint, std::string_view token_label,
                              std::string_view token_serial) {
  run(database_,
      "DELETE FROM key_locations WHERE fingerprint = ?1 AND token_label = ?2 AND token_serial = ?3",
      fingerprint, token_label, token_serial);
}

void KeyLocationTable::remove_all(std::string_view fingerprint) {
  run(database_, "DELETE FROM key_locations WHERE fingerprint = ?1", fingerprint);
}

}  // namespace signet
