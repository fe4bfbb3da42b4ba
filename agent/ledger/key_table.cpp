#include "agent/ledger/key_table.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace signet {
namespace {

namespace json = boost::json;

#define SIGNET_KEY_COLUMNS                                                                              \
  "fingerprint, name, uri, algorithm, spki, tuf_keyid, notary_keyid, uses, token_label, token_serial, " \
  "evidence, "                                                                                          \
  "created, retired, share_order, share_weight"

json::array to_array(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

std::vector<std::string> to_texts(const json::value& value) {
  std::vector<std::string> texts;
  if (!value.is_array()) return texts;
  for (const json::value& element : value.get_array())
    if (element.is_string()) texts.emplace_back(element.get_string());
  return texts;
}

json::value parse_stored(const std::string& text) {
  boost::system::error_code ignored;  // we wrote it; quick_check guards the file
  return json::parse(text, ignored);
}

LedgerKey read_key(const Query& row) {
  LedgerKey key;
  key.fingerprint = row.text(0);
  key.name = row.text(1);
  key.uri = row.text(2);
  key.algorithm = row.text(3);
  key.spki = row.blob(4);
  key.tuf_keyid = row.text(5);
  key.notary_keyid = row.text(6);
  key.uses = to_texts(parse_stored(row.text(7)));
  key.token_label = row.text(8);
  key.token_serial = row.text(9);
  if (auto evidence = parse_stored(row.text(10)); evidence.is_object()) key.evidence = evidence.get_object();
  key.created = row.text(11);
  key.retired = row.integer(12) != 0;
  key.share.order = static_cast<int>(row.integer(13));
  key.share.weight = static_cast<int>(row.integer(14));
  return key;
}

json::object key_body(const LedgerKey& key) {
  return {{"name", key.name},          {"fingerprint", key.fingerprint},  {"algorithm", key.algorithm},
          {"tufKeyid", key.tuf_keyid}, {"notaryKeyid", key.notary_keyid}, {"uses", to_array(key.uses)}};
}

Error not_found(std::string_view name) {
  json::object parameters{{"kind", "key"}, {"name", name}};
  return {ErrorName::NotFound,
          "No key \"" + std::string(name) + "\" is enrolled. \"signet key list\" shows those that are.",
          std::move(parameters)};
}

Error exists(std::string_view name, std::string message) {
  json::object parameters{{"kind", "key"}, {"name", name}};
  return {ErrorName::AlreadyExists, std::move(message), std::move(parameters)};
}

Error refused(const LedgerKey& key, std::string_view why, std::string message) {
  json::object parameters{{"key", key.name}, {"why", why}};
  return {ErrorName::KeyRefused, std::move(message), std::move(parameters)};
}

// --- where a key is ---

template <typename Place>
bool on_token(const Place& place, std::string_view label, std::string_view serial) {
  return place.token_label == label && place.token_serial == serial;
}

void set_first_location(LedgerKey& key, const LedgerKeyLocation& location) {
  key.uri = location.uri;
  key.token_label = location.token_label;
  key.token_serial = location.token_serial;
  key.evidence = location.evidence;
  key.share = location.share;
}

json::object location_detail(const LedgerKeyLocation& location) {
  return {
      {"uri", location.uri},           {"token", location.token_label}, {"serial", location.token_serial},
      {"evidence", location.evidence}, {"order", location.share.order}, {"weight", location.share.weight}};
}

Error too_many_locations(const LedgerKey& key) {
  json::object parameters{{"limit", "key-locations"}, {"value", kMostKeyLocations}};
  return {ErrorName::LimitExceeded,
          "The key \"" + key.name + "\" is on " + std::to_string(kMostKeyLocations) +
              " tokens already, and more are not looked after. Remove one first.",
          std::move(parameters)};
}

Error not_there(const LedgerKey& key, std::string_view label) {
  json::object parameters{{"kind", "token"}, {"name", label}};
  return {ErrorName::NotFound,
          "The key \"" + key.name + "\" is not enrolled on the token \"" + std::string(label) +
              "\". \"signet key show\" names its tokens.",
          std::move(parameters)};
}

Error only_location(const LedgerKey& key) {
  json::object parameters{{"parameter", "token"}};
  return {ErrorName::InvalidParameter,
          "The token \"" + key.token_label + "\" is the only one that holds the key \"" + key.name +
              "\". Enrol it on another one first, or retire it.",
          std::move(parameters)};
}

bool stands_alone(std::string_view use) {
  return use == "tuf" || use == "approval" || use == "checkpoint";
}

// The agent builds what it signs as a certificate: that cannot be metadata.
bool go_together(std::string_view a, std::string_view b) {
  if (a == b || (!stands_alone(a) && !stands_alone(b))) return true;
  return (a == "tuf" && b == "certificate") || (a == "certificate" && b == "tuf");
}

}  // namespace

std::optional<std::string> excluded_use(const std::vector<std::string>& wanted,
                                        const std::vector<std::string>& ever) {
  for (const std::string& want : wanted)
    for (const std::vector<std::string>* others : {&wanted, &ever})
      for (const std::string& other : *others)
        if (!go_together(want, other)) return other;
  return std::nullopt;
}

Result<void> KeyTable::add(const LedgerKey& key, const Requester& who) {
  if (auto error = taken(key)) return std::move(*error);
  if (auto error = excluded(key)) return std::move(*error);
  const bool again = by_fingerprint(key.fingerprint).has_value();
  const std::string created = key.created.empty() ? records_.now() : key.created;
  NewRecord record{again ? "key.enrol-again" : "key.enrol",
                   key_body(key),
                   {{"uri", key.uri},
                    {"token", key.token_label},
                    {"serial", key.token_serial},
                    {"evidence", key.evidence}},
                   who};
  const auto recorded = records_.append(std::move(record));
  if (!recorded) return recorded.error();
  store(key, created);
  return {};
}

void KeyTable::store(const LedgerKey& key, std::string_view created) {
  run(database_,
      "INSERT INTO keys (" SIGNET_KEY_COLUMNS
      ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, ?13, ?14)"
      " ON CONFLICT (fingerprint) DO UPDATE SET name = ?2, uri = ?3, algorithm = ?4, spki = ?5, tuf_keyid = "
      "?6,"
      " notary_keyid = ?7, uses = ?8, token_label = ?9, token_serial = ?10, evidence = ?11, created = ?12, "
      "retired = 0, share_order = ?13, share_weight = ?14",
      key.fingerprint, key.name, key.uri, key.algorithm, key.spki, key.tuf_keyid, key.notary_keyid,
      json::serialize(to_array(key.uses)), key.token_label, key.token_serial, json::serialize(key.evidence),
      created, std::int64_t{key.share.order}, std::int64_t{key.share.weight});
  // Where an earlier enrolment had it says nothing any more.
  locations_.remove_all(key.fingerprint);
  for (const LedgerKeyLocation& location : key.also) locations_.put(key.fingerprint, location);
  for (const std::string& use : key.uses)
    run(database_, "INSERT INTO key_uses_ever (fingerprint, use) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        key.fingerprint, use);
}

// A name must mean one key: it is neither an active key's name nor any other key's fingerprint or key id.
std::optional<Error> KeyTable::taken(const LedgerKey& key) {
  if (const auto known = by_fingerprint(key.fingerprint); known && !known->retired)
    return exists(known->name, "This public key is enrolled already, as \"" + known->name +
                                   "\". A key has one name; retire it first to enrol it anew.");
  Query row(database_,
            "SELECT name FROM keys WHERE (name = ?1 AND retired = 0)"
            " OR (fingerprint <> ?2 AND ?1 IN (fingerprint, tuf_keyid, notary_keyid))",
            key.name, key.fingerprint);
  if (!row.next()) return std::nullopt;
  return exists(key.name, "The name \"" + key.name + "\" stands for the enrolled key \"" + row.text(0) +
                              "\" already. Choose another name.");
}

std::optional<Error> KeyTable::excluded(const LedgerKey& key) {
  std::vector<std::string> ever;
  for (Query row(database_, "SELECT use FROM key_uses_ever WHERE fingerprint = ?1", key.fingerprint);
       row.next();)
    ever.push_back(row.text(0));
  const auto against = excluded_use(key.uses, ever);
  if (!against) return std::nullopt;
  return refused(key, "use-excluded",
                 "This public key cannot be enrolled for these uses: \"" + *against +
                     "\" stands against them for the life of a public key (tuf, approval and checkpoint "
                     "exclude other uses), "
                     "retired or not. Generate another key.");
}

std::vector<LedgerKey> KeyTable::all() {
  std::vector<LedgerKey> keys;
  for (Query row(database_, "SELECT " SIGNET_KEY_COLUMNS " FROM keys ORDER BY name, retired, fingerprint");
       row.next();)
    keys.push_back(read_key(row));
  auto locations = locations_.all();
  for (LedgerKey& key : keys)
    if (const auto found = locations.find(key.fingerprint); found != locations.end())
      key.also = std::move(found->second);
  return keys;
}

std::optional<LedgerKey> KeyTable::by_fingerprint(std::string_view fingerprint) {
  Query row(database_, "SELECT " SIGNET_KEY_COLUMNS " FROM keys WHERE fingerprint = ?1", fingerprint);
  if (!row.next()) return std::nullopt;
  LedgerKey key = read_key(row);
  key.also = locations_.of(key.fingerprint);
  return key;
}

// An active key is meant before a retired one, a name before a fingerprint or key id, the younger before the
// older.
Result<LedgerKey> KeyTable::find(std::string_view name) {
  Query row(database_,
            "SELECT " SIGNET_KEY_COLUMNS
            " FROM keys WHERE ?1 IN (name, fingerprint, tuf_keyid, notary_keyid)"
            " ORDER BY retired, name = ?1 DESC, created DESC LIMIT 1",
            name);
  if (!row.next()) return not_found(name);
  LedgerKey key = read_key(row);
  key.also = locations_.of(key.fingerprint);
  return key;
}

Result<LedgerKey> KeyTable::retire(std::string_view name, const Requester& who) {
  auto key = find(name);
  if (!key) return key.error();
  if (key->retired)
    return refused(*key, "retired",
                   "The key \"" + key->name + "\" is retired already. Nothing is left to do.");
  NewRecord record{"key.retire", key_body(*key), {}, who};
  const auto recorded = records_.append(std::move(record));
  if (!recorded) return recorded.error();
  run(database_, "UPDATE keys SET retired = 1 WHERE fingerprint = ?1", key->fingerprint);
  key->retired = true;
  return key;
}

Result<LedgerKey> KeyTable::active(std::string_view fingerprint) {
  auto key = by_fingerprint(fingerprint);
  if (!key) return not_found(fingerprint);
  if (key->retired)
    return refused(*key, "retired",
                   "The key \"" + key->name + "\" is retired: where it is does not matter any more.");
  return std::move(*key);
}

void KeyTable::store_first_location(const LedgerKey& key) {
  run(database_,
      "UPDATE keys SET uri = ?2, token_label = ?3, token_serial = ?4, evidence = ?5, share_order = ?6,"
      " share_weight = ?7 WHERE fingerprint = ?1",
      key.fingerprint, key.uri, key.token_label, key.token_serial, json::serialize(key.evidence),
      std::int64_t{key.share.order}, std::int64_t{key.share.weight});
}

Result<LedgerKey> KeyTable::add_location(std::string_view fingerprint, const LedgerKeyLocation& location,
                                         const Requester& who) {
  auto key = active(fingerprint);
  if (!key) return key;
  const auto known = std::ranges::find_if(key->also, [&](const LedgerKeyLocation& other) {
    return on_token(other, location.token_label, location.token_serial);
  });
  const bool first = on_token(*key, location.token_label, location.token_serial);
  if (!first && known == key->also.end() && key->also.size() + 1 >= kMostKeyLocations)
    return too_many_locations(*key);
  NewRecord record{"key.add-location", key_body(*key), location_detail(location), who};
  const auto recorded = records_.append(std::move(record));
  if (!recorded) return recorded.error();
  if (first) {
    set_first_location(*key, location);
    store_first_location(*key);
    return key;
  }
  if (known == key->also.end())
    key->also.push_back(location);
  else
    *known = location;
  locations_.put(key->fingerprint, location);
  return key;
}

Result<LedgerKey> KeyTable::remove_location(std::string_view fingerprint, std::string_view token_label,
                                            std::string_view token_serial, const Requester& who) {
  auto key = active(fingerprint);
  if (!key) return key;
  const bool first = on_token(*key, token_label, token_serial);
  const auto place = std::ranges::find_if(
      key->also, [&](const LedgerKeyLocation& other) { return on_token(other, token_label, token_serial); });
  if (!first && place == key->also.end()) return not_there(*key, token_label);
  if (key->also.empty()) return only_location(*key);
  const LedgerKeyLocation gone = first ? first_location(*key) : *place;
  NewRecord record{"key.remove-location", key_body(*key), location_detail(gone), who};
  const auto recorded = records_.append(std::move(record));
  if (!recorded) return recorded.error();
  const auto leaves = first ? key->also.begin() : place;  // the next one takes the first one's row
  if (first) set_first_location(*key, *leaves);
  if (first) store_first_location(*key);
  const LedgerKeyLocation row = *leaves;
  locations_.remove(key->fingerprint, row.token_label, row.token_serial);
  key->also.erase(leaves);
  return key;
}

}  // namespace signet
