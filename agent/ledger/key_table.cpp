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
  "created, retired"

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
      ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0)"
      " ON CONFLICT (fingerprint) DO UPDATE SET name = ?2, uri = ?3, algorithm = ?4, spki = ?5, tuf_keyid = "
      "?6,"
      " notary_keyid = ?7, uses = ?8, token_label = ?9, token_serial = ?10, evidence = ?11, created = ?12, "
      "retired = 0",
      key.fingerprint, key.name, key.uri, key.algorithm, key.spki, key.tuf_keyid, key.notary_keyid,
      json::serialize(to_array(key.uses)), key.token_label, key.token_serial, json::serialize(key.evidence),
      created);
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
  return keys;
}

std::optional<LedgerKey> KeyTable::by_fingerprint(std::string_view fingerprint) {
  Query row(database_, "SELECT " SIGNET_KEY_COLUMNS " FROM keys WHERE fingerprint = ?1", fingerprint);
  if (!row.next()) return std::nullopt;
  return read_key(row);
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
  return read_key(row);
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

}  // namespace signet
