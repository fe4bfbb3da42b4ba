// What the agent tells in answer to a call; protocol/org.signet.Agent.varlink says what each field means.
// Values.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/result.h"

namespace signet::client {

struct LedgerInfo {
  std::string id;
  std::int64_t records = 0;
  std::optional<std::int64_t> commits;  // since the agent opened it
};

struct CheckpointInfo {
  std::string origin;
  std::optional<std::string> verifier_key;
  std::int64_t size = 0;             // records in the newest checkpoint
  std::optional<std::string> fault;  // why none is signed now
  std::int64_t failed_writes = 0;
};

struct QuarantineInfo {
  std::string since, why, anchor;
};

struct ModuleInfo {
  std::string name, path, state;  // usable, faulty
  std::optional<std::string> why;
};

// Where the ledger's records are pushed to.
struct SinkInfo {
  std::string name, kind, state;  // working, failing
  std::int64_t position = 0, lag = 0, failures = 0;
  std::optional<std::string> last_error;
};

struct AgentStatus {
  std::string version;
  std::int64_t pid = 0;
  std::string started, socket, state;
  std::optional<LedgerInfo> ledger;
  std::vector<ModuleInfo> modules;
  std::int64_t connections = 0;
  std::vector<SinkInfo> sinks;
  std::optional<std::string> ledger_fault;  // why there is no ledger, if there is one that cannot be used
  std::optional<CheckpointInfo> checkpoint;
  std::optional<QuarantineInfo> quarantine;
};

struct TokenInfo {
  std::string name, label, serial, manufacturer, model, module, uri;
  std::string state;  // blank, locked, unlocked, open, faulty
  std::string pin;    // ok, low, final, blocked, unset
  bool removable = false;
  std::optional<std::int64_t> pin_tries;  // that are left, exactly
};

struct KeyEvidenceInfo {
  bool local = false, sensitive = false, extractable = true;
  bool always_sensitive = false, never_extractable = false, always_authenticate = false;
  // What the key's card says of it by its own word, where there is no attestation: AttestationInfo's names.
  std::optional<std::string> pin_policy{}, touch_policy{};
};

// A token that holds a key.
struct KeyLocationInfo {
  std::string uri, token_label, token_serial;
  std::int64_t order = 0, weight = 1;
  KeyEvidenceInfo evidence;
  std::optional<std::string> fault;  // why it is not asked now
};

// What the token's maker says of a key, as the agent verified it when the key was enrolled.
struct AttestationInfo {
  std::string firmware;
  std::optional<std::int64_t> serial;
  std::optional<std::string> form_factor;
  std::string pin_policy;    // never, once, always, match-once, match-always
  std::string touch_policy;  // never, always, cached
  std::string root, root_fingerprint, verified;
  std::vector<std::string> warnings;
};

struct KeyInfo {
  std::string name, uri, algorithm, fingerprint, tuf_keyid, notary_keyid;
  std::vector<std::string> uses;
  std::string token_label, token_serial;
  std::string state;  // active, retired
  std::string created;
  KeyEvidenceInfo evidence;
  std::vector<KeyLocationInfo> locations;  // all tokens that hold it; empty from an older agent
  std::optional<AttestationInfo> attestation;
};

// A key with what others check it by, all PEM; chain: from the attestation's issuer up to the root.
struct AttestedKey {
  KeyInfo key;
  std::string pem, attestation;
  std::vector<std::string> chain;
};

struct RoleInfo {
  std::string repository, role;
};

struct KeyDetails {
  KeyInfo key;
  std::string pem, ssh;
  boost::json::object tuf, notary;
  std::vector<RoleInfo> roles;
};

struct RepositoryInfo {
  std::string name, format;  // tuf, notary
  std::string state;         // created, trusted
  std::optional<std::int64_t> root_version;
  std::optional<std::string> root_digest, root_expires;
  std::map<std::string, std::int64_t> versions;
};

struct Observation {
  RepositoryInfo repository;
  std::int64_t version = 0;
  std::string digest;
  std::vector<std::string> warnings;
};

struct SignatureInfo {
  std::optional<std::string> key;  // nothing: a key of the role that is not enrolled with this agent
  std::string keyid;
  std::string status;  // signed, would_sign, missing, failed
  std::optional<boost::json::object> signature;
  std::optional<std::string> hint;
  std::optional<Error> fault;
};

struct SignedMetadata {
  std::string digest;
  std::int64_t version = 0;
  std::vector<SignatureInfo> results;
  std::vector<boost::json::object> earlier;
  std::vector<std::string> warnings;
  std::optional<std::int64_t> record;     // sequence of the outcome's record
  std::optional<std::string> difference;  // for people, several lines; absent from an older agent
};

struct MessageSignature {
  Bytes signature;
  std::string scheme;
  std::optional<std::int64_t> record;  // sequence of its record
};

// A certificate or a request. notary, notary_keyid: what a Notary root has for it.
struct IssuedCertificateInfo {
  std::string kind;  // certificate, request
  std::string pem, fingerprint, subject;
  std::optional<std::string> serial, not_before, not_after;
  std::optional<boost::json::object> notary;
  std::optional<std::string> notary_keyid;
  std::int64_t record = 0;  // sequence of its record
};

// One message of a batch: its signature, or why there is none.
struct BatchedSignature {
  std::optional<Bytes> signature;
  std::optional<std::int64_t> record;
  std::optional<Error> fault;
};

struct BatchSignatures {
  std::string scheme;
  std::vector<BatchedSignature> results;  // one for each message, in their order
};

// A certificate object on a token.
struct TokenCertificateInfo {
  std::string pem, fingerprint, subject, issuer, not_before, not_after;
};

struct StoredCertificateInfo {
  TokenCertificateInfo certificate;
  bool replaced = false;    // another one that was there
  std::int64_t record = 0;  // sequence of its record
};

struct LedgerRecordInfo {
  std::int64_t sequence = 0;
  std::string time, statement;
};

struct SignedCheckpointInfo {
  std::optional<std::string> checkpoint;  // a signed note; nothing: none was signed yet
  std::optional<std::string> verifier_key;
  std::string origin;
  std::optional<std::string> fault;
};

struct RecordProofInfo {
  std::string statement;
  std::int64_t index = 0;          // from 0
  std::vector<std::string> proof;  // base64
  std::string checkpoint;          // a signed note
};

struct LedgerFindingInfo {
  std::string name;
  std::int64_t sequence = 0;
  bool warning = false;
  std::string message;
};

struct LedgerCheckInfo {
  std::vector<LedgerFindingInfo> findings;
  std::optional<std::int64_t> next;  // where to go on
};

struct BackupInfo {
  std::string file, ledger;
  std::int64_t records = 0, bytes = 0;
};

struct RecordPageInfo {
  std::vector<LedgerRecordInfo> records;
  std::optional<std::int64_t> next;  // `after` of the next call; nothing: no record is left
};

// A record's private detail; protocol/ledger_record.h holds it against the statement's hash.
struct RecordDetailInfo {
  Bytes salt;
  std::string detail;
};

struct RecordDetails {
  LedgerRecordInfo record;
  std::optional<LedgerRecordInfo> partner;  // an intent's outcome, an outcome's intent
  std::optional<RecordDetailInfo> detail;   // where it was asked for
};

// The policy in force. source: its file, or "built-in".
struct PolicyText {
  std::string source, text;
};

struct PolicyMistake {
  std::int64_t line = 0;
  std::string key, why;
};

struct PolicyFinding {
  std::string rule;
  std::int64_t line = 0;
  std::string outcome;  // not_matched, decided, not_reached
  std::string why;
};

struct PolicyExplanation {
  std::string outcome;  // allowed, refused, depends
  std::string rule, sentence;
  std::vector<std::string> broken, unknown;  // limits, by their key in the policy
  std::int64_t approvals = 0;
  std::vector<std::string> approvers;
  bool requester_may_approve = false;
  std::string confirm;  // none, person
  bool confirmed_by_touch = false;
  std::optional<std::int64_t> pin_cache_seconds;
  bool shared_key = false;
  std::vector<PolicyFinding> rules;
};

// Something a person must know while a call goes on.
struct Event {
  std::string kind;  // insert_token, pin, touch, queued
  std::optional<std::string> token, serial, key;
  std::string message;
  std::optional<std::int64_t> seconds;  // until the call, or the token, gives up
};

}  // namespace signet::client
