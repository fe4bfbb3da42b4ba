#include "agent/ledger/approval_table.h"

#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "protocol/public_key.h"

#define SIGNET_REQUEST_COLUMNS_WITH(difference)                                                              \
  "id, subject, document, repository, role, version, digest, keys, supersede, expires, summary, " difference \
  ", terms, uid, created, state, denied_by, why"
#define SIGNET_REQUEST_COLUMNS SIGNET_REQUEST_COLUMNS_WITH("difference")

namespace signet {
namespace {

namespace json = boost::json;

Error limit(std::string_view name, std::int64_t value, std::string message) {
  json::object parameters{{"limit", name}, {"value", value}};
  return {ErrorName::LimitExceeded, std::move(message), std::move(parameters)};
}

Error invalid(std::string_view parameter, std::string message) {
  json::object parameters{{"parameter", parameter}};
  return {ErrorName::InvalidParameter, std::move(message), std::move(parameters)};
}

Error closed(const ApprovalRequest& request, std::string message) {
  json::object parameters{{"request", request.request.id}, {"state", to_string(request.state)}};
  return {ErrorName::RequestClosed, std::move(message), std::move(parameters)};
}

Error expired(const ApprovalRequest& request) {
  return closed(request, "The request " + request.request.id.substr(0, 16) +
                             " has expired. Ask for the signature again: that makes a new request.");
}

Error denied(const ApprovalRequest& request) {
  std::string message = request.denied_by + " denied the request " + request.request.id.substr(0, 16);
  if (!request.why.empty()) message += " (\"" + request.why + "\")";
  return closed(request, message +
                             ". Nothing is signed for it. Talk to them; the same can be asked again when it "
                             "has expired.");
}

RequestState parse_state(std::string_view text) {
  for (const RequestState state :
       {RequestState::Pending, RequestState::Denied, RequestState::Expired, RequestState::Signed})
    if (to_string(state) == text) return state;
  return RequestState::Expired;  // never: the schema checks
}

std::string to_text(const std::vector<std::string>& list) {
  return json::serialize(json::array(list.begin(), list.end()));
}

std::vector<std::string> from_text(const std::string& text) {
  std::vector<std::string> list;
  boost::system::error_code bad;
  const json::value value = json::parse(text, bad);
  if (bad || !value.is_array()) return list;
  for (const json::value& element : value.get_array())
    if (element.is_string()) list.emplace_back(element.get_string());
  return list;
}

Requester agent_itself() {
  Requester self;
  self.uid = getuid();
  self.gid = getgid();
  self.pid = getpid();
  return self;
}

}  // namespace

Error unknown_request(const std::string& id) {
  json::object parameters{{"kind", "request"}, {"name", id}};
  return {
      ErrorName::NotFound,
      "There is no request " + id +
          ". \"signet request list\" shows those that wait; a request is forgotten a week after it expired.",
      std::move(parameters)};
}

std::string_view to_string(RequestState state) {
  switch (state) {
    case RequestState::Pending:
      return "pending";
    case RequestState::Denied:
      return "denied";
    case RequestState::Signed:
      return "signed";
    case RequestState::Expired:
      break;
  }
  return "expired";
}

std::string_view to_string(Approval::How how) {
  return how == Approval::How::Uid ? "uid" : "signature";
}

std::optional<ApprovalRequest> ApprovalTable::row(std::string_view sql, const std::string& key) {
  Query row(database_, sql, key);
  if (!row.next()) return std::nullopt;
  ApprovalRequest out;
  NewApprovalRequest& request = out.request;
  request.id = row.text(0);
  request.subject = row.text(1);
  request.document = row.text(2);
  request.repository = row.text(3);
  request.role = row.text(4);
  request.version = row.integer(5);
  request.digest = row.text(6);
  request.keys = from_text(row.text(7));
  request.supersede = row.integer(8) != 0;
  request.expires = row.integer(9);
  request.summary = row.text(10);
  request.difference = row.text(11);
  request.terms = row.text(12);
  out.uid = static_cast<uid_t>(row.integer(13));
  out.created = row.text(14);
  out.state = parse_state(row.text(15));
  out.denied_by = row.text(16);
  out.why = row.text(17);
  // What the clean-up has not got to yet has expired all the same.
  if (out.state == RequestState::Pending && request.expires <= records_.unix_time())
    out.state = RequestState::Expired;
  out.approvals = approvals(request.id);
  return out;
}

std::vector<Approval> ApprovalTable::approvals(const std::string& id) {
  std::vector<Approval> list;
  for (Query row(
           database_,
           "SELECT principal, how, evidence, file, time FROM approvals WHERE request = ?1 ORDER BY time, "
           "how, evidence",
           id);
       row.next();) {
    Approval approval;
    approval.principal = row.text(0);
    approval.how = row.text(1) == "uid" ? Approval::How::Uid : Approval::How::Signature;
    approval.evidence = row.text(2);
    approval.file = row.text(3);
    approval.time = row.text(4);
    list.push_back(std::move(approval));
  }
  return list;
}

Result<ApprovalRequest> ApprovalTable::find(const std::string& id, bool with_payload) {
  auto found = row("SELECT " SIGNET_REQUEST_COLUMNS " FROM approval_requests WHERE id = ?1", id);
  if (!found) return unknown_request(id);
  if (with_payload)
    if (Query payload(database_, "SELECT payload FROM approval_requests WHERE id = ?1", id); payload.next())
      found->request.payload = payload.text(0);
  return std::move(*found);
}

// Without the differences: a thousand of them are a gigabyte.
Result<std::vector<ApprovalRequest>> ApprovalTable::all(bool live_only) {
  std::vector<std::string> ids;
  for (Query row(database_,
                 "SELECT id FROM approval_requests WHERE (?1 = 0 OR expires > ?2) ORDER BY created, id",
                 live_only, records_.unix_time());
       row.next();)
    ids.push_back(row.text(0));
  std::vector<ApprovalRequest> list;
  for (const std::string& id : ids) {
    auto found = row("SELECT " SIGNET_REQUEST_COLUMNS_WITH("''") " FROM approval_requests WHERE id = ?1", id);
    if (!found) return unknown_request(id);
    list.push_back(std::move(*found));
  }
  return list;
}

std::optional<Error> ApprovalTable::refuse_new(const NewApprovalRequest& request, uid_t uid) {
  if (request.id != sha256_hex(as_bytes(request.document)))
    return invalid("request", "The id of a request is the SHA-256 of its document.");
  if (request.digest != sha256_hex(as_bytes(request.payload)))
    return invalid("digest", "The digest of a request is the SHA-256 of its payload.");
  if (request.expires <= records_.unix_time())
    return invalid("expires", "A request that has expired already can get no approval.");
  if (request.summary.size() > kMaxRequestSummary)
    return limit("request-summary", kMaxRequestSummary, "The summary of this request is too long.");
  if (request.difference.size() > kMaxRequestDifference)
    return limit("request-difference", kMaxRequestDifference, "The difference of this request is too large.");
  std::int64_t live = 0, own = 0, bytes = 0;
  if (Query row(database_,
                "SELECT count(*), ifnull(sum(uid = ?1 AND state = 'pending'), 0),"
                " ifnull(sum(length(CAST(payload AS BLOB))), 0) FROM approval_requests WHERE live = 1",
                static_cast<std::int64_t>(uid));
      row.next()) {
    live = row.integer(0);
    own = row.integer(1);
    bytes = row.integer(2);
  }
  const std::string mend =
      " Have some approved or denied (\"signet request list\"), or wait until they expire.";
  if (own >= kMaxPendingRequestsPerUid)
    return limit("pending-requests-per-uid", kMaxPendingRequestsPerUid,
                 "Uid " + std::to_string(uid) + " has " + std::to_string(own) +
                     " requests that wait for approval already." + mend);
  if (live >= kMaxLiveRequests)
    return limit("live-requests", kMaxLiveRequests, "There are too many requests in this ledger." + mend);
  if (bytes + static_cast<std::int64_t>(request.payload.size()) > kMaxRequestPayloads)
    return limit("request-payloads", kMaxRequestPayloads,
                 "The metadata of all requests together would be too large." + mend);
  return std::nullopt;
}

Result<ApprovalRequest> ApprovalTable::open(const NewApprovalRequest& request, const Requester& who) {
  if (const auto tidied = expire(); !tidied) return tidied.error();
  if (auto known =
          row("SELECT " SIGNET_REQUEST_COLUMNS " FROM approval_requests WHERE subject = ?1 AND live = 1",
              request.subject))
    return std::move(*known);
  if (auto refused = refuse_new(request, who.uid)) return std::move(*refused);
  boost::system::error_code bad;
  json::object body{{"request", request.id},
                    {"document", json::parse(request.document, bad)},
                    {"summary", request.summary},
                    {"terms", json::parse(request.terms, bad)}};
  if (bad) return invalid("request", "The document and the terms of a request are JSON.");
  NewRecord record{"approval.request", std::move(body), {}, who};
  if (const auto recorded = records_.append(std::move(record)); !recorded) return recorded.error();
  insert(request, who);
  return find(request.id, false);
}

void ApprovalTable::insert(const NewApprovalRequest& request, const Requester& who) {
  run(database_,
      "INSERT INTO approval_requests (id, subject, document, payload, repository, role, version, digest, "
      "keys,"
      " supersede, expires, summary, difference, terms, uid, created, state, live)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 'pending', 1)",
      request.id, request.subject, request.document, request.payload, request.repository, request.role,
      request.version, request.digest, to_text(request.keys), request.supersede, request.expires,
      request.summary, request.difference, request.terms, static_cast<std::int64_t>(who.uid), records_.now());
}

// A request that can still be approved or denied.
Result<ApprovalRequest> ApprovalTable::open_for_votes(const std::string& id) {
  auto found = find(id, false);
  if (!found) return found;
  if (found->request.expires <= records_.unix_time() || found->state == RequestState::Expired)
    return expired(*found);
  if (found->state == RequestState::Denied) return denied(*found);
  return found;
}

Result<ApprovalRequest> ApprovalTable::approve(const std::string& id, const Approval& approval,
                                               const Requester& who) {
  auto found = open_for_votes(id);
  if (!found) return found;
  const auto given = [&](const Approval& other) {
    return other.how == approval.how && other.evidence == approval.evidence;
  };
  if (std::any_of(found->approvals.begin(), found->approvals.end(), given)) return found;  // said before
  if (approval.file.size() > kMaxApprovalFile)
    return limit("approval-file", kMaxApprovalFile, "This approval is too large to be one.");
  if (static_cast<std::int64_t>(found->approvals.size()) >= kMaxApprovalsPerRequest)
    return limit("approvals-per-request", kMaxApprovalsPerRequest, "This request has enough approvals.");
  NewRecord record{"approval.approve",
                   {{"request", id},
                    {"principal", approval.principal},
                    {"how", to_string(approval.how)},
                    {"evidence", approval.evidence}},
                   {},
                   who};
  if (!approval.file.empty()) record.detail["file"] = approval.file;
  if (const auto recorded = records_.append(std::move(record)); !recorded) return recorded.error();
  run(database_,
      "INSERT INTO approvals (request, principal, how, evidence, file, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      id, approval.principal, to_string(approval.how), approval.evidence, approval.file, records_.now());
  return find(id, false);
}

Result<ApprovalRequest> ApprovalTable::deny(const std::string& id, const std::string& principal,
                                            const std::string& why, const Requester& who) {
  auto found = open_for_votes(id);
  if (!found) return found;
  if (why.size() > kMaxDenialReason)
    return limit("denial-reason", kMaxDenialReason, "Say why in fewer words.");
  NewRecord record{"approval.deny", {{"request", id}, {"principal", principal}}, {{"why", why}}, who};
  if (const auto recorded = records_.append(std::move(record)); !recorded) return recorded.error();
  run(database_,
      "UPDATE approval_requests SET state = 'denied', denied_by = ?2, why = ?3, payload = '' WHERE id = ?1",
      id, principal, why);
  return find(id, false);
}

Result<std::int64_t> ApprovalTable::expire() {
  const std::int64_t now = records_.unix_time();
  std::vector<std::string> pending;
  for (Query row(database_,
                 "SELECT id FROM approval_requests WHERE live = 1 AND expires <= ?1 AND state = 'pending'",
                 now);
       row.next();)
    pending.push_back(row.text(0));
  for (const std::string& id : pending) {
    NewRecord record{"approval.expire", {{"request", id}}, {}, agent_itself()};
    if (const auto recorded = records_.append(std::move(record)); !recorded) return recorded.error();
    run(database_, "UPDATE approval_requests SET state = 'expired' WHERE id = ?1", id);
  }
  run(database_, "UPDATE approval_requests SET live = 0, payload = '' WHERE live = 1 AND expires <= ?1", now);
  run(database_, "DELETE FROM approval_requests WHERE live = 0 AND expires <= ?1",
      now - kForgetRequestsAfter);
  return static_cast<std::int64_t>(pending.size());
}

Result<void> ApprovalTable::check_open(const std::string& id, const ReserveRequest& reserve) {
  const auto found = open_for_votes(id);
  if (!found) return found.error();
  const NewApprovalRequest& request = found->request;
  const bool keys =
      std::all_of(reserve.fingerprints.begin(), reserve.fingerprints.end(), [&](const auto& key) {
        return std::find(request.keys.begin(), request.keys.end(), key) != request.keys.end();
      });
  if (keys && request.repository == reserve.repository && request.role == reserve.role &&
      request.version == reserve.version && request.digest == reserve.digest &&
      request.supersede == reserve.supersede)
    return {};
  json::object parameters{{"rule", "approval"}};
  return Error{ErrorName::PolicyDenied,
               "The request " + id.substr(0, 16) +
                   " was for another signature: its approvals do not count for this one.",
               std::move(parameters)};
}

void ApprovalTable::mark_signed(const std::string& id) {
  run(database_, "UPDATE approval_requests SET state = 'signed' WHERE id = ?1 AND state = 'pending'", id);
}

}  // namespace signet
