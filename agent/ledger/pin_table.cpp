#include "agent/ledger/pin_table.h"

#include <unistd.h>

namespace signet {
namespace {

// Attempts are the agent's own act, on whoever's behalf.
Requester agent_itself() {
  Requester self;
  self.uid = getuid();
  self.gid = getgid();
  self.pid = getpid();
  return self;
}

}  // namespace

PinAttempts PinTable::attempts(const std::string& token) {
  PinAttempts found;
  if (Query row(database_, "SELECT ifnull(pending, ''), wrong FROM pin_attempts WHERE token = ?1", token);
      row.next()) {
    found.pending = row.text(0);
    found.open = !found.pending.empty();
    found.wrong = row.integer(1);
  }
  for (Query row(database_, "SELECT value FROM pin_refused WHERE token = ?1 ORDER BY value", token);
       row.next();)
    found.refused.push_back(row.text(0));
  return found;
}

Result<void> PinTable::begin(const std::string& token, const std::string& value) {
  auto recorded = record("pin.attempt", token, agent_itself(), "");
  if (!recorded) return recorded;
  refuse_pending(token);
  run(database_,
      "INSERT INTO pin_attempts (token, pending) VALUES (?1, ?2) ON CONFLICT (token) DO UPDATE SET pending = "
      "?2",
      token, value);
  return {};
}

Result<void> PinTable::end(const std::string& token, bool accepted) {
  if (!attempts(token).open) {
    boost::json::object parameters{{"kind", "object"}, {"name", token}};
    return Error{ErrorName::NotFound, "No PIN attempt is open for the token \"" + token + "\".",
                 std::move(parameters)};
  }
  auto recorded = record("pin.outcome", token, agent_itself(), accepted ? "accepted" : "refused");
  if (!recorded) return recorded;
  if (accepted)
    run(database_, "DELETE FROM pin_attempts WHERE token = ?1", token);  // the refused values go with it
  else
    refuse_pending(token);
  return {};
}

Result<void> PinTable::reset(const std::string& token, const Requester& who) {
  auto recorded = record("pin.reset", token, who, "");
  if (!recorded) return recorded;
  run(database_, "DELETE FROM pin_attempts WHERE token = ?1", token);
  return {};
}

Result<void> PinTable::record(std::string_view kind, const std::string& token, const Requester& who,
                              std::string_view result) {
  NewRecord record{kind, {{"token", token}}, {}, who};
  if (!result.empty()) record.body["result"] = result;
  const auto sequence = records_.append(std::move(record));
  if (!sequence) return sequence.error();
  return {};
}

void PinTable::refuse_pending(const std::string& token) {
  run(database_,
      "INSERT INTO pin_refused (token, value)"
      " SELECT token, pending FROM pin_attempts WHERE token = ?1 AND pending IS NOT NULL ON CONFLICT DO "
      "NOTHING",
      token);
  run(database_,
      "UPDATE pin_attempts SET wrong = wrong + 1, pending = NULL WHERE token = ?1 AND pending IS NOT NULL",
      token);
}

}  // namespace signet
