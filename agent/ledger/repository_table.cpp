#include "agent/ledger/repository_table.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "agent/ledger/conflict.h"

namespace signet {
namespace {

namespace json = boost::json;

MetadataFormat read_format(std::string_view name) {
  return name == "notary" ? MetadataFormat::Notary : MetadataFormat::Tuf;  // the schema allows no third
}

std::string_view format_name(MetadataFormat format) {
  return format == MetadataFormat::Notary ? "notary" : "tuf";
}

Error root_gap(const std::string& repository, std::int64_t expected, std::int64_t found) {
  json::object parameters{{"where", "/signed/version"}, {"why", "root-version"}};
  return {ErrorName::MetadataInvalid,
          "The next root of " + repository + " is version " + std::to_string(expected) +
              ", and this is version " + std::to_string(found) +
              ". Observe the roots between them first, in order.",
          std::move(parameters)};
}

Error bad_restart() {
  json::object parameters{{"parameter", "restart_roles"}};
  return {
      ErrorName::InvalidParameter,
      "Only an observed root restarts roles, and never its own. This is a bug of Signet: please report it.",
      std::move(parameters)};
}

const MarkRow* find_row(const std::vector<MarkRow>& marks, const std::string& digest) {
  const auto found =
      std::find_if(marks.begin(), marks.end(), [&](const MarkRow& mark) { return mark.digest == digest; });
  return found == marks.end() ? nullptr : &*found;
}

const MarkRow* observed_row(const std::vector<MarkRow>& marks) {
  const auto found = std::find_if(marks.begin(), marks.end(),
                                  [](const MarkRow& mark) { return mark.state == MarkRowState::Observed; });
  return found == marks.end() ? nullptr : &*found;
}

// What this ledger released for the version, where it is not what was observed.
std::vector<std::string> contradicted(const std::vector<MarkRow>& marks, const std::string& digest) {
  std::vector<std::string> digests;
  for (const MarkRow& mark : marks)
    if (mark.state == MarkRowState::Released && mark.digest != digest) digests.push_back(mark.digest);
  return digests;
}

std::vector<std::string> warnings_for(const ObservedMetadata& metadata,
                                      const std::vector<std::string>& digests, std::int64_t newest) {
  std::vector<std::string> warnings;
  for (const std::string& digest : digests)
    warnings.push_back("This ledger released other bytes for version " + std::to_string(metadata.version) +
                       " of " + metadata.role + " (SHA-256 " + digest +
                       "). Find out who published what was observed.");
  if (newest > metadata.version)
    warnings.push_back("Version " + std::to_string(newest) + " of " + metadata.role +
                       " was observed before; the newest stays that one.");
  return warnings;
}

}  // namespace

Result<void> RepositoryTable::create(const std::string& name, MetadataFormat format, const Requester& who) {
  if (auto error = taken(name)) return std::move(*error);
  NewRecord record{"repository.create", {{"repository", name}, {"format", format_name(format)}}, {}, who};
  const auto recorded = records_.append(std::move(record));
  if (!recorded) return recorded.error();
  insert(name, format);
  return {};
}

Result<void> RepositoryTable::adopt(const std::string& name, MetadataFormat format, const TrustedRoot& root,
                                    const Requester& who) {
  if (auto error = taken(name)) return std::move(*error);
  NewRecord record{"repository.adopt",
                   {{"repository", name},
                    {"format", format_name(format)},
                    {"version", root.version},
                    {"digest", root.digest}},
                   {},
                   who};
  const auto recorded = records_.append(std::move(record));
  if (!recorded) return recorded.error();
  const std::int64_t repository = insert(name, format);
  insert_root(repository, root, "adopted");
  const RoleRow role = marks_.ensure_role(repository, "root");
  marks_.set_state(role, root.version, root.digest, MarkRowState::Observed, false);
  return {};
}

std::optional<Error> RepositoryTable::taken(const std::string& name) {
  if (!marks_.repository_id(name)) return std::nullopt;
  json::object parameters{{"kind", "repository"}, {"name", name}};
  return Error{ErrorName::AlreadyExists,
               "The ledger knows the repository \"" + name +
                   "\" already. Observe its newer roots instead; a trusted root is never replaced.",
               std::move(parameters)};
}

std::int64_t RepositoryTable::insert(const std::string& name, MetadataFormat format) {
  run(database_, "INSERT INTO repositories (name, format, created) VALUES (?1, ?2, ?3)", name,
      format_name(format), records_.now());
  return marks_.repository_id(name).value_or(0);
}

void RepositoryTable::insert_root(std::int64_t repository, const TrustedRoot& root, std::string_view how) {
  run(database_,
      "INSERT INTO roots (repository, version, digest, metadata, how, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      repository, root.version, root.digest, root.metadata, how, records_.now());
}

std::optional<TrustedRoot> RepositoryTable::newest_root(std::int64_t repository) {
  Query row(database_,
            "SELECT version, digest, metadata FROM roots WHERE repository = ?1 ORDER BY version DESC LIMIT 1",
            repository);
  if (!row.next()) return std::nullopt;
  return TrustedRoot{row.integer(0), row.text(1), row.text(2)};
}

Result<LedgerRepository> RepositoryTable::find(const std::string& name) {
  Query row(database_, "SELECT id, format FROM repositories WHERE name = ?1", name);
  if (!row.next()) return unknown_repository(name);
  LedgerRepository repository;
  repository.name = name;
  repository.format = read_format(row.text(1));
  repository.root = newest_root(row.integer(0));
  return repository;
}

std::vector<LedgerRepository> RepositoryTable::all() {
  std::vector<LedgerRepository> repositories;
  for (Query row(database_, "SELECT id, name, format FROM repositories ORDER BY name"); row.next();) {
    LedgerRepository repository;
    repository.name = row.text(1);
    repository.format = read_format(row.text(2));
    repository.root = newest_root(row.integer(0));
    repositories.push_back(std::move(repository));
  }
  return repositories;
}

Result<std::vector<VersionMark>> RepositoryTable::marks(const std::string& repository) {
  const auto id = marks_.repository_id(repository);
  if (!id) return unknown_repository(repository);
  return marks_.newest_marks(*id);
}

Result<std::optional<ObservedMetadata>> RepositoryTable::observed(const std::string& repository,
                                                                  const std::string& role) {
  const auto id = marks_.repository_id(repository);
  if (!id) return unknown_repository(repository);
  std::optional<ObservedMetadata> found;
  if (role == "root") {
    if (auto root = newest_root(*id))
      found = ObservedMetadata{role, root->version, root->digest, root->metadata};
    return found;
  }
  Query row(database_, "SELECT version, digest, metadata FROM observed WHERE role = ?1",
            marks_.role(*id, role).id);
  if (row.next()) found = ObservedMetadata{role, row.integer(0), row.text(1), row.text(2)};
  return found;
}

Result<std::optional<ReleasedPayload>> RepositoryTable::last_released(const std::string& repository,
                                                                      const std::string& role) {
  const auto id = marks_.repository_id(repository);
  if (!id) return unknown_repository(repository);
  const RoleRow row = marks_.role(*id, role);
  auto stored = marks_.payload(row.id);
  if (!stored || stored->epoch != row.epoch) return std::optional<ReleasedPayload>();
  ReleasedPayload released;
  released.version = stored->version;
  released.digest = std::move(stored->digest);
  released.payload = std::move(stored->payload);
  return std::optional<ReleasedPayload>(std::move(released));
}

Result<std::vector<std::string>> RepositoryTable::observe(const std::string& repository,
                                                          const ObservedMetadata& metadata,
                                                          const std::vector<std::string>& restart_roles,
                                                          const Requester& who) {
  const auto id = marks_.repository_id(repository);
  if (!id) return unknown_repository(repository);
  Sighting sighting;
  sighting.role = marks_.role(*id, metadata.role);
  sighting.marks = marks_.version(sighting.role, metadata.version);
  if (const auto newest = observed(repository, metadata.role); newest && *newest)
    sighting.newest_observed = (*newest)->version;
  // Seen before: nothing to learn, nothing to record.
  if (const MarkRow* seen = observed_row(sighting.marks); seen && seen->digest == metadata.digest)
    return std::vector<std::string>();
  if (auto error = refuse_sighting(repository, metadata, restart_roles, sighting)) return std::move(*error);

  const std::vector<std::string> against = contradicted(sighting.marks, metadata.digest);
  NewRecord record{"repository.observe",
                   {{"repository", repository},
                    {"role", metadata.role},
                    {"version", metadata.version},
                    {"digest", metadata.digest}},
                   {},
                   who};
  if (!restart_roles.empty())
    record.body["restarts"] = json::array(restart_roles.begin(), restart_roles.end());
  if (!against.empty()) record.body["contradicts"] = json::array(against.begin(), against.end());
  const auto recorded = records_.append(std::move(record));
  if (!recorded) return recorded.error();
  write_sighting(*id, metadata, restart_roles, sighting);
  return warnings_for(metadata, against, sighting.newest_observed);
}

std::optional<Error> RepositoryTable::refuse_sighting(const std::string& repository,
                                                      const ObservedMetadata& metadata,
                                                      const std::vector<std::string>& restart_roles,
                                                      const Sighting& sighting) {
  const bool root = metadata.role == "root";
  const bool restarts_root =
      std::find(restart_roles.begin(), restart_roles.end(), "root") != restart_roles.end();
  if (restarts_root || (!root && !restart_roles.empty())) return bad_restart();
  Conflict conflict;
  conflict.version = metadata.version;
  if (const MarkRow* seen = observed_row(sighting.marks)) {
    conflict.digest = seen->digest;
    return version_conflict(repository, metadata.role, metadata.version, std::move(conflict));
  }
  if (!root || metadata.version == sighting.newest_observed + 1) return std::nullopt;
  if (metadata.version > sighting.newest_observed)
    return root_gap(repository, sighting.newest_observed + 1, metadata.version);
  conflict.ruling = Ruling::Older;
  conflict.version = sighting.newest_observed;
  return version_conflict(repository, metadata.role, metadata.version, std::move(conflict));
}

void RepositoryTable::write_sighting(std::int64_t repository, const ObservedMetadata& metadata,
                                     const std::vector<std::string>& restart_roles,
                                     const Sighting& sighting) {
  const RoleRow role = marks_.ensure_role(repository, metadata.role);
  for (const std::string& digest : contradicted(sighting.marks, metadata.digest))
    marks_.set_state(role, metadata.version, digest, MarkRowState::Contradicted, true);
  marks_.drop_reserved(role, metadata.version);
  const MarkRow* own = find_row(sighting.marks, metadata.digest);
  marks_.set_state(role, metadata.version, metadata.digest, MarkRowState::Observed, own && own->released);
  for (const std::string& restarted : restart_roles)
    marks_.restart_role(marks_.ensure_role(repository, restarted).id);
  if (metadata.role == "root")
    return insert_root(repository, {metadata.version, metadata.digest, metadata.metadata}, "observed");
  run(database_,
      "INSERT INTO observed (role, version, digest, metadata) VALUES (?1, ?2, ?3, ?4)"
      " ON CONFLICT (role) DO UPDATE SET version = ?2, digest = ?3, metadata = ?4 WHERE version < ?2",
      role.id, metadata.version, metadata.digest, metadata.metadata);
}

}  // namespace signet
