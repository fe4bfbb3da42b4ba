#include "agent/ledger/quarantine.h"

#include <unistd.h>

#include <boost/json/array.hpp>

#include "agent/ledger/quarantine_rules.h"

namespace signet {
namespace {

Requester self() {
  Requester who;
  who.uid = getuid();
  who.gid = getgid();
  who.pid = getpid();
  return who;
}

Error invalid(std::string_view parameter, std::string message) {
  boost::json::object parameters{{"parameter", parameter}};
  return {ErrorName::InvalidParameter, std::move(message), std::move(parameters)};
}

}  // namespace

Error quarantined(const Quarantine& quarantine, std::string_view repository, std::string_view role) {
  boost::json::object parameters{{"why", "quarantined"}};
  return {ErrorName::LedgerUnavailable,
          "The ledger was set back, or is not the one that its anchor knows (" + quarantine.why + ", since " +
              quarantine.since + "), so it may have forgotten what " + std::string(role) + " in " +
              std::string(repository) +
              " signed. Show it the newest published metadata of that role (\"signet repository observe\"); "
              "then it signs again.",
          std::move(parameters)};
}

Result<void> QuarantineTable::begin(const QuarantineCause& cause) {
  NewRecord record{"ledger.quarantine", {{"why", cause.why}, {"anchor", cause.anchor}}, {}, self()};
  const auto recorded = records_.append(std::move(record));
  if (!recorded) return recorded.error();
  run(database_, "INSERT INTO quarantines (since, why, anchor) VALUES (?1, ?2, ?3)", records_.now(),
      cause.why, cause.anchor);
  return {};
}

std::vector<Quarantine> QuarantineTable::lasting() {
  std::vector<Quarantine> all;
  for (Query row(database_, "SELECT id, since, why, anchor FROM quarantines WHERE ended IS NULL ORDER BY id");
       row.next();)
    all.push_back({row.integer(0), row.text(1), row.text(2), row.text(3)});
  return all;
}

std::optional<Quarantine> QuarantineTable::present() {
  auto all = lasting();
  if (all.empty()) return std::nullopt;
  return std::move(all.back());
}

bool QuarantineTable::allows(std::int64_t role) {
  return !Query(database_,
                "SELECT 1 FROM quarantines WHERE ended IS NULL"
                " AND id NOT IN (SELECT quarantine FROM quarantine_cleared WHERE role = ?1)",
                role)
              .next();
}

void QuarantineTable::clear(std::int64_t role) {
  run(database_,
      "INSERT INTO quarantine_cleared (role, quarantine)"
      " SELECT ?1, id FROM quarantines WHERE ended IS NULL ON CONFLICT DO NOTHING",
      role);
}

Result<void> QuarantineTable::end_unasked(const std::string& reason) {
  std::vector<Quarantine> ended = lasting();
  std::erase_if(ended, [](const Quarantine& one) { return !anchor_unasked(one.why); });
  if (ended.empty()) return {};
  boost::json::array causes;
  for (const Quarantine& one : ended) causes.emplace_back(one.why);
  NewRecord record{"ledger.clear-quarantine", {{"reason", reason}, {"causes", causes}}, {}, self()};
  const auto recorded = records_.append(std::move(record));
  if (!recorded) return recorded.error();
  for (const Quarantine& one : ended)
    run(database_, "UPDATE quarantines SET ended = ?1 WHERE id = ?2", records_.now(), one.id);
  return {};
}

Result<void> QuarantineTable::clear_by_hand(const std::string& repository, const std::string& role,
                                            const std::string& reason, const Requester& who) {
  if (!present()) return invalid("repository", "The ledger is in no quarantine: there is nothing to clear.");
  if (repository.empty() != role.empty())
    return invalid("role", "Name a repository and a role, or, to end the quarantine, neither.");
  const auto id = repository.empty() ? std::optional<std::int64_t>(0) : marks_.repository_id(repository);
  if (!id) {
    boost::json::object parameters{{"kind", "repository"}, {"name", repository}};
    return Error{ErrorName::NotFound, "The ledger knows no repository \"" + repository + "\".",
                 std::move(parameters)};
  }
  NewRecord record{"ledger.clear-quarantine", {{"reason", reason}}, {}, who};
  if (!repository.empty()) {
    record.body["repository"] = repository;
    record.body["role"] = role;
  }
  const auto recorded = records_.append(std::move(record));
  if (!recorded) return recorded.error();
  if (repository.empty())
    run(database_, "UPDATE quarantines SET ended = ?1 WHERE ended IS NULL", records_.now());
  else
    clear(marks_.ensure_role(*id, role).id);
  return {};
}

}  // namespace signet
