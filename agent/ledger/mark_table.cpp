#include "agent/ledger/mark_table.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace signet {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<MarkRowState, std::string_view>, 5> kStates{{
    {MarkRowState::Reserved, "reserved"},
    {MarkRowState::Released, "released"},
    {MarkRowState::Superseded, "superseded"},
    {MarkRowState::Contradicted, "contradicted"},
    {MarkRowState::Observed, "observed"},
}};

std::string_view state_name(MarkRowState state) {
  return std::find_if(kStates.begin(), kStates.end(), [&](const auto& entry) { return entry.first == state; })
      ->second;
}

// The schema allows no other name. An unknown one is read as observed: nothing may replace it.
MarkRowState parse_state(std::string_view name) {
  const auto found =
      std::find_if(kStates.begin(), kStates.end(), [&](const auto& entry) { return entry.second == name; });
  return found == kStates.end() ? MarkRowState::Observed : found->first;
}

// As the contract has it: superseded and contradicted are never the newest of a version.
MarkState public_state(MarkRowState state) {
  if (state == MarkRowState::Reserved) return MarkState::Reserved;
  return state == MarkRowState::Observed ? MarkState::Observed : MarkState::Released;
}

bool contains(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

}  // namespace

std::optional<std::int64_t> MarkTable::repository_id(std::string_view name) {
  Query row(database_, "SELECT id FROM repositories WHERE name = ?1", name);
  if (!row.next()) return std::nullopt;
  return row.integer(0);
}

RoleRow MarkTable::role(std::int64_t repository, std::string_view name) {
  Query row(database_, "SELECT id, epoch FROM roles WHERE repository = ?1 AND name = ?2", repository, name);
  if (!row.next()) return {};
  return {row.integer(0), row.integer(1)};
}

RoleRow MarkTable::ensure_role(std::int64_t repository, std::string_view name) {
  run(database_, "INSERT INTO roles (repository, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING", repository,
      name);
  return role(repository, name);
}

void MarkTable::restart_role(std::int64_t role) {
  run(database_, "UPDATE roles SET epoch = epoch + 1 WHERE id = ?1", role);
  run(database_, "DELETE FROM observed WHERE role = ?1", role);
}

std::vector<VersionMark> MarkTable::newest_marks(std::int64_t repository) {
  std::vector<VersionMark> marks;
  for (Query row(database_, "SELECT id, epoch, name FROM roles WHERE repository = ?1 ORDER BY name",
                 repository);
       row.next();) {
    auto mark = newest_mark({row.integer(0), row.integer(1)});
    if (!mark) continue;
    mark->role = row.text(2);
    marks.push_back(std::move(*mark));
  }
  return marks;
}

std::optional<VersionMark> MarkTable::newest_mark(const RoleRow& role) {
  const std::int64_t standing = highest(role);
  Query row(database_,
            "SELECT version, state, digest FROM version_marks WHERE role = ?1 AND epoch = ?2"
            " AND ((version = ?3 AND state IN ('released', 'observed')) OR (?3 = 0 AND state = 'reserved'))"
            " ORDER BY version DESC LIMIT 1",
            role.id, role.epoch, standing);
  if (!row.next()) return std::nullopt;
  VersionMark mark;
  mark.version = row.integer(0);
  mark.state = public_state(parse_state(row.text(1)));
  mark.digest = row.text(2);
  return mark;
}

std::vector<MarkRow> MarkTable::version(const RoleRow& role, std::int64_t version) {
  std::vector<MarkRow> marks;
  for (Query row(database_,
                 "SELECT digest, state, released FROM version_marks WHERE role = ?1 AND epoch = ?2 AND "
                 "version = ?3",
                 role.id, role.epoch, version);
       row.next();)
    marks.push_back({row.text(0), parse_state(row.text(1)), row.integer(2) != 0});
  return marks;
}

std::int64_t MarkTable::highest(const RoleRow& role) {
  Query row(database_,
            "SELECT ifnull(max(version), 0) FROM version_marks WHERE role = ?1 AND epoch = ?2"
            " AND state IN ('released', 'observed')",
            role.id, role.epoch);
  return row.next() ? row.integer(0) : 0;
}

void MarkTable::set_state(const RoleRow& role, std::int64_t version, std::string_view digest,
                          MarkRowState state, bool released) {
  run(database_,
      "INSERT INTO version_marks (role, epoch, version, digest, state, released) VALUES (?1, ?2, ?3, ?4, ?5, "
      "?6)"
      " ON CONFLICT (role, epoch, version, digest) DO UPDATE SET state = ?5, released = max(released, ?6)",
      role.id, role.epoch, version, digest, state_name(state), released);
}

void MarkTable::drop_reserved(const RoleRow& role, std::int64_t version) {
  run(database_,
      "DELETE FROM version_marks WHERE role = ?1 AND epoch = ?2 AND version = ?3 AND state = 'reserved'",
      role.id, role.epoch, version);
}

KeyFacts MarkTable::key_facts(const ReserveRequest& request, const std::string& fingerprint,
                              std::int64_t role) {
  KeyFacts facts;
  facts.fingerprint = fingerprint;
  if (Query row(database_, "SELECT retired FROM keys WHERE fingerprint = ?1", fingerprint); row.next())
    facts.retired = row.integer(0) != 0;
  else
    facts.enrolled = false;
  if (!contains(request.shared_keys, fingerprint)) {
    Query row(database_,
              "SELECT repositories.name, roles.name FROM key_pairs JOIN roles ON roles.id = key_pairs.role"
              " JOIN repositories ON repositories.id = roles.repository"
              " WHERE key_pairs.fingerprint = ?1 AND key_pairs.type = ?2 AND key_pairs.role <> ?3"
              " AND key_pairs.released = 1 LIMIT 1",
              fingerprint, request.type, role);
    if (row.next()) facts.other_pair = row.text(0) + " " + row.text(1);
  }
  for (Query row(
           database_,
           "SELECT digest FROM key_marks WHERE fingerprint = ?1 AND type = ?2 AND version = ?3 AND role = ?4"
           " AND state = 'released'",
           fingerprint, request.type, request.version, role);
       row.next();)
    facts.released.push_back(row.text(0));
  return facts;
}

void MarkTable::reserve_key(const ReserveRequest& request, const std::string& fingerprint,
                            std::int64_t role) {
  run(database_,
      "DELETE FROM key_marks WHERE fingerprint = ?1 AND type = ?2 AND version = ?3 AND role = ?4 AND digest "
      "<> ?5"
      " AND state = 'reserved'",
      fingerprint, request.type, request.version, role, request.digest);
  run(database_,
      "INSERT INTO key_marks (fingerprint, type, version, role, digest, state)"
      " VALUES (?1, ?2, ?3, ?4, ?5, 'reserved') ON CONFLICT DO NOTHING",
      fingerprint, request.type, request.version, role, request.digest);
  run(database_,
      "INSERT INTO key_pairs (fingerprint, type, role, released) VALUES (?1, ?2, ?3, 0) ON CONFLICT DO "
      "NOTHING",
      fingerprint, request.type, role);
}

void MarkTable::release_key(const ReserveRequest& request, const std::string& fingerprint,
                            std::int64_t role) {
  run(database_,
      "INSERT INTO key_marks (fingerprint, type, version, role, digest, state) VALUES (?1, ?2, ?3, ?4, ?5, "
      "'released')"
      " ON CONFLICT (fingerprint, type, version, role, digest) DO UPDATE SET state = 'released'",
      fingerprint, request.type, request.version, role, request.digest);
  run(database_,
      "INSERT INTO key_pairs (fingerprint, type, role, released) VALUES (?1, ?2, ?3, 1)"
      " ON CONFLICT (fingerprint, type, role) DO UPDATE SET released = 1",
      fingerprint, request.type, role);
}

std::vector<std::pair<std::string, std::string>> MarkTable::key_roles(std::string_view fingerprint) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (Query row(database_,
                 "SELECT DISTINCT repositories.name, roles.name FROM key_pairs JOIN roles ON roles.id = "
                 "key_pairs.role"
                 " JOIN repositories ON repositories.id = roles.repository WHERE key_pairs.fingerprint = ?1"
                 " ORDER BY 1, 2",
                 fingerprint);
       row.next();)
    pairs.emplace_back(row.text(0), row.text(1));
  return pairs;
}

bool MarkTable::has_payload(std::int64_t role, std::string_view digest) {
  return Query(database_, "SELECT 1 FROM payloads WHERE role = ?1 AND digest = ?2", role, digest).next();
}

std::optional<StoredPayload> MarkTable::payload(std::int64_t role) {
  StoredPayload stored;
  {
    Query row(database_, "SELECT epoch, version, digest, payload FROM payloads WHERE role = ?1", role);
    if (!row.next()) return std::nullopt;
    stored.epoch = row.integer(0);
    stored.version = row.integer(1);
    stored.digest = row.text(2);
    stored.payload = row.text(3);
  }
  stored.signatures = signatures(role, stored.digest);
  return stored;
}

void MarkTable::keep_payload(const RoleRow& role, const ReserveRequest& request) {
  if (has_payload(role.id, request.digest)) {
    run(database_, "UPDATE payloads SET epoch = ?2, version = ?3 WHERE role = ?1", role.id, role.epoch,
        request.version);
    return;
  }
  // Another payload's signatures go with it (ON DELETE CASCADE).
  run(database_, "DELETE FROM payloads WHERE role = ?1 AND (epoch < ?2 OR (epoch = ?2 AND version <= ?3))",
      role.id, role.epoch, request.version);
  run(database_,
      "INSERT INTO payloads (role, epoch, version, digest, payload) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT "
      "DO NOTHING",
      role.id, role.epoch, request.version, request.digest, request.payload);
}

void MarkTable::add_signature(std::int64_t role, const std::string& digest, const std::string& fingerprint,
                              const json::object& signature) {
  if (!has_payload(role, digest)) return;
  run(database_,
      "INSERT INTO signatures (role, fingerprint, signature) VALUES (?1, ?2, ?3) ON CONFLICT (role, "
      "fingerprint) DO UPDATE SET signature = ?3",
      role, fingerprint, json::serialize(signature));
}

std::vector<json::object> MarkTable::signatures(std::int64_t role, std::string_view digest) {
  std::vector<json::object> found;
  for (Query row(database_,
                 "SELECT signature FROM signatures JOIN payloads USING (role)"
                 " WHERE role = ?1 AND digest = ?2 ORDER BY fingerprint",
                 role, digest);
       row.next();) {
    boost::system::error_code ignored;  // we wrote it
    const json::value value = json::parse(row.text(0), ignored);
    if (value.is_object()) found.push_back(value.get_object());
  }
  return found;
}

}  // namespace signet
