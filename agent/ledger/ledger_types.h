// What the ledger is told and tells: values only.
#pragma once

#include <sys/types.h>

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/metadata.h"
#include "protocol/result.h"

namespace signet {

enum class MarkState { Reserved, Released, Observed };

// Which of the tokens that hold a key is asked: of those that work, the ones of the lowest order (0 to 99),
// each with a part of the load that grows with its weight (1 to 100).
struct KeyShare {
  int order = 0;
  int weight = 1;
};
inline constexpr int kMostKeyOrder = 99, kMostKeyWeight = 100;

struct LedgerSummary {
  std::string id;  // 32 random bytes, hex
  std::int64_t records = 0;
  std::int64_t commits = 0;  // that wrote, since it was opened: many calls share one
};

// A further token that holds a key.
struct LedgerKeyLocation {
  std::string uri;
  std::string token_label, token_serial;
  boost::json::object evidence;
  KeyShare share;
};

struct LedgerKey {
  std::string name;
  std::string uri;
  std::string algorithm;  // as in the IDL
  Bytes spki;
  std::string fingerprint;  // SHA-256 of spki, hex
  std::string tuf_keyid, notary_keyid;
  std::vector<std::string> uses;
  std::string token_label, token_serial;
  bool retired = false;
  std::string created;  // RFC 3339
  boost::json::object evidence;
  // How much of the load goes to the token above, and who else can take it: the same key, replicated by its
  // vendor's means. At most kMostKeyLocations in all, each token once, in the order of their enrolment.
  KeyShare share;
  std::vector<LedgerKeyLocation> also;
};
inline constexpr std::size_t kMostKeyLocations = 16;

inline LedgerKeyLocation first_location(const LedgerKey& key) {
  LedgerKeyLocation location;
  location.uri = key.uri;
  location.token_label = key.token_label;
  location.token_serial = key.token_serial;
  location.evidence = key.evidence;
  location.share = key.share;
  return location;
}

struct TrustedRoot {
  std::int64_t version = 0;
  std::string digest;    // SHA-256 of the canonical "signed", hex
  std::string metadata;  // the whole file as it was adopted or observed
};

struct ObservedMetadata {
  std::string role;
  std::int64_t version = 0;
  std::string digest;
  std::string metadata;  // the whole file
};

struct ReleasedPayload {
  std::int64_t version = 0;
  std::string digest;
  std::string payload;  // canonical "signed"
};

struct LedgerRepository {
  std::string name;
  MetadataFormat format = MetadataFormat::Tuf;
  std::optional<TrustedRoot> root;  // the newest; none: created, and version 1 is still to be observed
};

struct VersionMark {
  std::string role;
  std::int64_t version = 0;
  MarkState state = MarkState::Reserved;
  std::string digest;
};

// Who asked: into the record. uid and gid are identity, pid a hint.
struct Requester {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
};

// How many versions of a role may be released in a time, the one that is asked for too.
struct VersionRate {
  std::int64_t most = 0;
  std::chrono::seconds period{3600};
  std::string rule;  // of the policy, for the refusal
};

struct ReserveRequest {
  std::string repository, role;
  std::string
      type;  // the metadata's role type: root, targets, snapshot, timestamp (a delegation is "targets")
  std::int64_t version = 0;
  std::string digest;                     // SHA-256 of payload, hex
  std::string payload;                    // canonical "signed"
  std::vector<std::string> fingerprints;  // of the keys that are to sign
  std::vector<std::string>
      shared_keys;  // fingerprints that may serve several (repository, role) pairs of one type
  bool supersede = false;
  // With supersede: the digest that was shown as what it replaces (empty: nothing), and no other is. Not
  // given: whatever was released.
  std::optional<std::string> superseding;
  std::string approval_request;  // the request whose approvals it needs; empty: it needs none
  std::optional<VersionRate> rate;
  Requester requester;
  boost::json::object
      statement;  // more for the public record (thresholds lowered, difference, …); may be empty
};

struct Reservation {
  std::int64_t id = 0;
  bool released_before = false;                 // these same bytes were released before
  std::vector<boost::json::object> signatures;  // remembered for these bytes
};

struct KeyOutcome {
  std::string fingerprint;
  std::optional<boost::json::object> signature;  // as it goes into the metadata's "signatures"
  std::string fault;  // the error's short name and message, where there is no signature
};

struct RecordRow {
  std::int64_t sequence = 0;
  std::string time;
  std::string statement;
};

// Which records are meant: those that all of its members fit. Absent members fit all.
struct RecordFilter {
  std::optional<std::string> since, until;  // RFC 3339 in UTC, whole seconds; `until` is not included
  std::optional<std::string> kind;          // "sign.intent", or a group: "sign"
  std::optional<std::string> repository, role;
  std::optional<std::string> fingerprint;  // of a key that it names
  std::optional<std::string> outcome;      // record_outcome() of protocol/ledger_record.h
  std::optional<std::int64_t> uid;         // of who asked
};

// Where a walk through the records goes on: behind `after`, upwards or downwards. 0: at the beginning (the
// end, if newest_first).
struct RecordCursor {
  std::int64_t after = 0;
  bool newest_first = false;
  std::int64_t limit = 100;  // of records on a page
};

struct RecordPage {
  std::vector<RecordRow> rows;  // may be empty although there is more
  std::int64_t next = 0;        // the next cursor's `after`
  bool end = false;             // no record is left in this direction
};

// What the public statement's "detail" is the salted hash of.
struct RecordDetail {
  Bytes salt;
  std::string detail;  // JSON
};

struct RecordInFull {
  RecordRow record;
  std::optional<RecordRow> partner;  // an intent's outcome, an outcome's intent
  RecordDetail detail;
};

// What is known of the PINs that were tried at a token. Values are HMAC-SHA-256 of a PIN, hex.
struct PinAttempts {
  bool open = false;                 // an attempt was begun and its outcome never written: counts as wrong
  std::int64_t wrong = 0;            // since the last success or reset; the open one is not counted
  std::vector<std::string> refused;  // the values of the wrong ones
  std::string pending;               // the open attempt's value; empty where open is false
};

// One use of an identity token (OpenID Connect). Times are seconds since 1970.
struct TokenUse {
  std::string issuer;          // the token's "iss"
  std::string token_hash;      // SHA-256, hex: what tells it from every other token of the issuer
  std::string payload_digest;  // SHA-256, hex, of the payload that it is bound to; empty: bound to none
  uid_t uid = 0;               // who uses it
  std::int64_t max_uses = 1;   // as the policy has it now
  std::int64_t expires = 0;    // "exp"
  std::int64_t now = 0;
};

enum class TokenUseVerdict {
  Allowed,
  OtherUser,  // its first use was another uid's
  UsedUp,
  Forgotten,  // it expired before the newest of those whose uses are no longer known
};

}  // namespace signet
