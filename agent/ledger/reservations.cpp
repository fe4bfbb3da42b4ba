#include "agent/ledger/reservations.h"

#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>

#include "agent/ledger/conflict.h"

namespace signet {
namespace {

namespace json = boost::json;

// Of a fault's sentence, what goes into the private detail: all keys' together fit a record.
constexpr std::size_t kMaxFaultSize = 512;

Error invalid(std::string_view parameter, std::string message) {
  json::object parameters{{"parameter", parameter}};
  return {ErrorName::InvalidParameter, std::move(message), std::move(parameters)};
}

std::optional<Error> check_request(const ReserveRequest& request) {
  if (request.version < 1) return invalid("version", "A version is 1 or more.");
  if (request.digest.size() != 64) return invalid("digest", "A digest is 64 hexadecimal digits.");
  if (request.role.empty() || request.fingerprints.empty())
    return invalid("keys", "A reservation names a role and at least one key.");
  if (request.fingerprints.size() > kMaxReservedKeys ||
      request.repository.size() + request.role.size() > kMaxReservedNames) {
    json::object parameters{{"limit", "keys-per-role"}, {"value", kMaxReservedKeys}};
    return Error{ErrorName::LimitExceeded,
                 "One call may ask at most " + std::to_string(kMaxReservedKeys) +
                     " keys, and names have an end too. Nothing was signed; ask for fewer.",
                 std::move(parameters)};
  }
  return std::nullopt;
}

WantedVersion wanted_version(const ReserveRequest& request) {
  WantedVersion wanted;
  wanted.version = request.version;
  wanted.digest = request.digest;
  wanted.supersede = request.supersede;
  wanted.root = request.type == "root";
  return wanted;
}

json::object version_body(const ReserveRequest& request) {
  return {{"repository", request.repository},
          {"role", request.role},
          {"type", request.type},
          {"version", request.version},
          {"digest", request.digest}};
}

json::object intent_body(const ReserveRequest& request, const Decision& decision) {
  json::object body = version_body(request);
  body["keys"] = json::array(request.fingerprints.begin(), request.fingerprints.end());
  if (decision.supersedes) body["supersedes"] = *decision.supersedes;
  if (!request.approval_request.empty()) body["request"] = request.approval_request;
  if (!request.statement.empty()) body["more"] = request.statement;
  return body;
}

bool names_key(const ReserveRequest& request, const std::string& fingerprint) {
  return std::find(request.fingerprints.begin(), request.fingerprints.end(), fingerprint) !=
         request.fingerprints.end();
}

bool any_signature(const std::vector<KeyOutcome>& outcomes) {
  return std::any_of(outcomes.begin(), outcomes.end(),
                     [](const KeyOutcome& outcome) { return !!outcome.signature; });
}

Error not_reserved(std::int64_t id) {
  return {ErrorName::Internal,
          "No reservation " + std::to_string(id) +
              " is in flight (for these keys): its signatures are withheld. This is a bug of "
              "Signet: please report it."};
}

}  // namespace

std::int64_t Reservations::other_versions(std::int64_t role, std::int64_t version,
                                          std::chrono::seconds period) {
  std::set<std::int64_t> versions = times_.versions_since(role, records_.unix_time() - period.count());
  versions.merge(in_flight_.versions(role));
  versions.erase(version);
  return static_cast<std::int64_t>(versions.size());
}

Result<std::int64_t> Reservations::other_versions(const std::string& repository, const std::string& role,
                                                  std::int64_t version, std::chrono::seconds period) {
  const auto id = marks_.repository_id(repository);
  if (!id) return unknown_repository(repository);
  return other_versions(marks_.role(*id, role).id, version, period);
}

// The policy counted before it allowed this; what was reserved since counts as well, so that calls that come
// at the same time cannot exceed a rate together.
std::optional<Error> Reservations::too_fast(const ReserveRequest& request, std::int64_t role) {
  if (!request.rate) return std::nullopt;
  const std::int64_t others = other_versions(role, request.version, request.rate->period);
  if (others < request.rate->most) return std::nullopt;
  json::object parameters{{"rule", request.rate->rule}};
  return Error{ErrorName::PolicyDenied,
               "The rule \"" + request.rate->rule + "\" allows " + std::to_string(request.rate->most) +
                   " versions of a role in " + std::to_string(request.rate->period.count()) +
                   " seconds, and " + std::to_string(others) +
                   " others were released, or are being signed. Wait, then try again.",
               std::move(parameters)};
}

Result<Reservations::Judgement> Reservations::judge(const ReserveRequest& request) {
  const auto repository = marks_.repository_id(request.repository);
  if (!repository) return unknown_repository(request.repository);
  if (!request.approval_request.empty())
    if (const auto open = approvals_.check_open(request.approval_request, request); !open)
      return open.error();
  Judgement judgement;
  judgement.repository = *repository;
  judgement.role = marks_.role(*repository, request.role);
  if (!quarantine_.allows(judgement.role.id))
    return quarantined(*quarantine_.present(), request.repository, request.role);
  const std::int64_t role = judgement.role.id;
  VersionFacts& facts = judgement.facts;
  facts.marks = marks_.version(judgement.role, request.version);
  facts.highest = marks_.highest(judgement.role);
  facts.other_bytes_in_flight = in_flight_.other_bytes(role, request.version, request.digest);
  for (const std::string& fingerprint : request.fingerprints) {
    KeyFacts key = marks_.key_facts(request, fingerprint, role);
    const bool shared = std::find(request.shared_keys.begin(), request.shared_keys.end(), fingerprint) !=
                        request.shared_keys.end();
    key.in_flight_elsewhere = !shared && in_flight_.key_elsewhere(fingerprint, request.type, role);
    facts.keys.push_back(std::move(key));
  }
  judgement.decision = decide(facts, wanted_version(request));
  return judgement;
}

Result<Reservation> Reservations::check(const ReserveRequest& request) {
  if (auto error = check_request(request)) return std::move(*error);
  const auto judgement = judge(request);
  if (!judgement) return judgement.error();
  return accepted(request, *judgement);
}

Result<Reservation> Reservations::accepted(const ReserveRequest& request, const Judgement& judgement) {
  if (judgement.decision.ruling != Ruling::Accept) return refusal(request, judgement);
  const auto& supersedes = judgement.decision.supersedes;
  if (supersedes && request.superseding && *supersedes != *request.superseding)
    return released_meanwhile(request);
  if (auto error = too_fast(request, judgement.role.id)) return std::move(*error);
  Reservation reservation;
  reservation.released_before =
      judgement.decision.released_before || marks_.has_payload(judgement.role.id, request.digest);
  reservation.signatures = marks_.signatures(judgement.role.id, request.digest);
  return reservation;
}

Result<Reservation> Reservations::reserve(ReserveRequest request) {
  if (auto error = check_request(request)) return std::move(*error);
  const auto judgement = judge(request);
  if (!judgement) return judgement.error();
  auto reservation = accepted(request, *judgement);
  if (!reservation) return reservation;

  NewRecord intent{"sign.intent", intent_body(request, judgement->decision), {}, request.requester};
  const auto sequence = records_.append(std::move(intent));
  if (!sequence) return sequence.error();
  run(database_, "INSERT INTO open_intents (sequence) VALUES (?1)", *sequence);
  const RoleRow role = marks_.ensure_role(judgement->repository, request.role);
  const std::vector<MarkRow>& marks = judgement->facts.marks;
  const bool known = std::any_of(marks.begin(), marks.end(),
                                 [&](const MarkRow& mark) { return mark.digest == request.digest; });
  if (!known) {
    marks_.drop_reserved(role, request.version);
    marks_.set_state(role, request.version, request.digest, MarkRowState::Reserved, false);
  }
  for (const std::string& fingerprint : request.fingerprints)
    marks_.reserve_key(request, fingerprint, role.id);

  reservation->id = *sequence;
  if (!database_.fault()) in_flight_.add(*sequence, {role.id, std::move(request)});
  return reservation;
}

// The rules are asked again: an observation, a newer release or a retirement since reserve() can still
// withhold what the tokens signed.
Result<std::int64_t> Reservations::finish(std::int64_t id, const std::vector<KeyOutcome>& outcomes) {
  const auto flight = in_flight_.take(id);
  if (!flight) return not_reserved(id);
  const ReserveRequest& request = flight->request;
  if (!any_signature(outcomes)) return close(id, request, "nothing-signed", outcomes, {});

  for (const KeyOutcome& outcome : outcomes)
    if (outcome.signature && !names_key(request, outcome.fingerprint))
      return withhold(id, request, not_reserved(id));
  const auto judgement = judge(request);
  if (!judgement) return withhold(id, request, judgement.error());
  if (judgement->decision.ruling != Ruling::Accept)
    return withhold(id, request, refusal(request, *judgement));
  auto closed = close(id, request, "released", outcomes, {});
  if (closed) release(request, *judgement, outcomes);
  return closed;
}

Error Reservations::withhold(std::int64_t id, const ReserveRequest& request, Error why) {
  json::object detail{{"why", why.message}};
  const auto closed = close(id, request, "withheld", {}, std::move(detail));
  if (!closed) return closed.error();
  return why;
}

Result<std::int64_t> Reservations::close(std::int64_t id, const ReserveRequest& request,
                                         std::string_view result, const std::vector<KeyOutcome>& outcomes,
                                         json::object detail) {
  json::array signed_by, failed;
  json::object faults;
  for (const KeyOutcome& outcome : outcomes) {
    (outcome.signature ? signed_by : failed).emplace_back(outcome.fingerprint);
    if (!outcome.signature) faults[outcome.fingerprint] = outcome.fault.substr(0, kMaxFaultSize);
  }
  if (!faults.empty()) detail["faults"] = std::move(faults);
  NewRecord record{"sign.outcome", version_body(request), std::move(detail), request.requester};
  record.body["intent"] = id;
  record.body["result"] = result;
  record.body["signed"] = std::move(signed_by);
  record.body["failed"] = std::move(failed);
  auto sequence = records_.append(std::move(record));
  if (!sequence) {
    orphans_ = true;
    return sequence.error();
  }
  run(database_, "DELETE FROM open_intents WHERE sequence = ?1", id);
  return sequence;
}

void Reservations::release(const ReserveRequest& request, const Judgement& judgement,
                           const std::vector<KeyOutcome>& outcomes) {
  const RoleRow& role = judgement.role;
  const std::vector<MarkRow>& marks = judgement.facts.marks;
  if (judgement.decision.supersedes)
    marks_.set_state(role, request.version, *judgement.decision.supersedes, MarkRowState::Superseded, true);
  const bool observed = std::any_of(marks.begin(), marks.end(), [&](const MarkRow& mark) {
    return mark.digest == request.digest && mark.state == MarkRowState::Observed;
  });
  marks_.set_state(role, request.version, request.digest,
                   observed ? MarkRowState::Observed : MarkRowState::Released, true);
  times_.note(role.id, request.version, records_.unix_time());
  marks_.keep_payload(role, request);
  if (!request.approval_request.empty()) approvals_.mark_signed(request.approval_request);
  for (const KeyOutcome& outcome : outcomes) {
    if (!outcome.signature) continue;
    marks_.release_key(request, outcome.fingerprint, role.id);
    marks_.add_signature(role.id, request.digest, outcome.fingerprint, *outcome.signature);
  }
}

Error Reservations::refusal(const ReserveRequest& request, const Judgement& judgement) {
  const Decision& decision = judgement.decision;
  const auto fingerprint = [&] { return judgement.facts.keys[decision.key].fingerprint; };
  switch (decision.ruling) {
    case Ruling::KeyUnknown:
      return unknown_key(fingerprint());
    case Ruling::KeyRetired:
      return retired_key(fingerprint());
    case Ruling::SharedKey:
      return shared_key(fingerprint(), judgement.facts.keys[decision.key].other_pair, request);
    case Ruling::Busy:
      return busy(request);
    default:
      return conflict(request, judgement);
  }
}

Error Reservations::conflict(const ReserveRequest& request, const Judgement& judgement) {
  const Decision& decision = judgement.decision;
  Conflict found;
  found.ruling = decision.ruling;
  found.version = decision.ruling == Ruling::Older ? judgement.facts.highest : request.version;
  found.digest = decision.against;
  if (decision.ruling == Ruling::Older)
    for (const MarkRow& mark : marks_.version(judgement.role, found.version))
      if (mark.state == MarkRowState::Released || mark.state == MarkRowState::Observed)
        found.digest = mark.digest;
  auto stored = marks_.payload(judgement.role.id);
  if (stored && stored->digest == found.digest) found.stored = std::move(stored);
  if (decision.ruling == Ruling::KeyUsed) found.fingerprint = judgement.facts.keys[decision.key].fingerprint;
  return version_conflict(request.repository, request.role, request.version, std::move(found));
}

Result<void> Reservations::close_orphans(std::string_view why) {
  std::vector<std::int64_t> orphans;
  for (Query row(database_, "SELECT sequence FROM open_intents ORDER BY sequence"); row.next();)
    if (!in_flight_.contains(row.integer(0))) orphans.push_back(row.integer(0));
  Requester self;
  self.uid = getuid();
  self.gid = getgid();
  self.pid = getpid();
  for (const std::int64_t intent : orphans) {
    json::object body{
        {"intent", intent}, {"result", why}, {"signed", json::array()}, {"failed", json::array()}};
    NewRecord record{"sign.outcome", std::move(body), {}, self};
    const auto closed = records_.append(std::move(record));
    if (!closed) return closed.error();
    run(database_, "DELETE FROM open_intents WHERE sequence = ?1", intent);
  }
  orphans_ = false;
  return {};
}

void Reservations::rolled_back() {
  in_flight_.rolled_back();
  orphans_ = true;
}

}  // namespace signet
