// libsignet: the calls of org.signet.Agent for C++ programs.
//
//   auto agent = signet::client::Agent::connect();
//   if (!agent) return fail(agent.error().message);
//   auto tokens = agent->list_tokens();
//
// Every call blocks until its reply is here or its deadline has passed. Errors are values: Result<T> holds
// the answer or an Error, whose name and parameters are those that protocol/org.signet.Agent.varlink
// declares, plus ConnectionFailed, which no agent sends. Its parameter "why" is one of: not-running,
// permission, address, deadline, closed, malformed, too-large, abandoned.
//
// Stability: what is declared here keeps compiling within a major version; members are added at the end, as
// the IDL grows. Fields that the IDL gives a fixed set of words (states, kinds, reasons) stay strings,
// because a newer agent may know more of them.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/result.h"
#include "protocol/secret.h"

#define SIGNET_API __attribute__((visibility("default")))

namespace signet::client {

struct ConnectOptions {
  // Nothing: $SIGNET_SOCKET, else $XDG_RUNTIME_DIR/signet/agent.sock, else /run/signet/agent.sock; the last
  // two are taken in this order by which of them exists.
  std::optional<std::filesystem::path> socket;
  std::chrono::milliseconds connect_deadline{5000};
  // For a call that asks nothing of a token.
  std::chrono::milliseconds call_deadline{30000};
  // For a call that a token, or the person at it, may take long over: from the request, or the last event, to
  // the reply.
  std::chrono::milliseconds token_deadline{300000};
  // The file with the identity token (an OpenID Connect ID token) of the CI job that this is: sent with each
  // call that signs, and read anew for each, because CI systems renew it. Nothing:
  // $SIGNET_IDENTITY_TOKEN_FILE; if that is not set either, none is sent.
  std::optional<std::filesystem::path> identity_file;
  // Told what is not as it should be and no error, e.g. that others can read identity_file. Called by the
  // thread that makes the call.
  std::function<void(const std::string&)> on_warning;
};

// The path that connect() would use.
SIGNET_API std::filesystem::path default_socket();

// --- what the agent tells; the IDL says what each field means ---

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

// --- what the agent is asked ---

// Which records: those that all given members fit.
struct RecordFilterInfo {
  std::optional<std::string> since, until;  // RFC 3339
  std::optional<std::string> kind, repository, role, key, outcome;
  std::optional<std::int64_t> uid;
};

struct ListRecordsCall {
  RecordFilterInfo filter;
  std::optional<std::int64_t> after;
  bool newest_first = false;
  std::int64_t limit = 100;  // 1 to 1000
};

struct InitTokenCall {
  std::string token, label;
  Secret so_pin, pin;
};

struct GenerateKeyCall {
  std::string token, name, algorithm;
  std::vector<std::string> uses;
  std::optional<Secret> pin, so_pin;  // one of them, or neither
  std::optional<std::string> id;      // CKA_ID in hexadecimal: of a PIV card its slot
};

// A further token that holds an enrolled key; for a token that is known, its order and weight anew.
struct AddKeyLocationCall {
  std::string key, uri;
  std::optional<std::int64_t> order, weight;
};

struct EnrolKeyCall {
  std::string uri, name;
  std::vector<std::string> uses;
  std::optional<std::string> attestation, intermediate;  // PEM
};

struct SignMetadataCall {
  std::string repository, role, format;
  std::string signed_bytes;  // the exact canonical JSON of "signed"
  std::optional<std::vector<std::string>> keys;
  bool dry_run = false, supersede = false, accept_lower_threshold = false;
};

struct SignMessageCall {
  std::string key;
  std::optional<Bytes> message, digest;  // exactly one
  std::optional<std::string> scheme;
};

struct IssueCertificateCall {
  std::string key, kind;             // certificate, request
  std::vector<std::string> subject;  // "CN=…", in the certificate's order
  std::vector<std::string> names;    // "dns:…", "email:…", "uri:…", "ip:…"
  std::vector<std::string> purposes;
  std::optional<std::string> not_before, not_after;  // RFC 3339; a certificate has an end, a request neither
};

// At most kMostInBatch, and no more bytes in all than a frame has room for: about 180 KiB, 4 more for each.
struct SignMessagesCall {
  std::string key;
  std::vector<Bytes> messages, digests;  // exactly one of the two lists has members
  std::optional<std::string> scheme;
};
inline constexpr std::size_t kMostInBatch = 1024;

struct StoreCertificateCall {
  std::string key, certificate;  // its name; PEM
  bool replace = false;
  std::optional<std::string> token;   // of a key on several: label, serial number or URI
  std::optional<Secret> pin, so_pin;  // one of them, or neither
};

// The policy in force. source: its file, or "built-in".
struct PolicyText {
  std::string source, text;
};

struct PolicyMistake {
  std::int64_t line = 0;
  std::string key, why;
};

// A request to explain, as the IDL's PolicyQuestion; what is not given is not known.
struct PolicyQuestion {
  std::string action;
  std::optional<std::string> user, issuer;
  std::optional<boost::json::object> claims;
  std::optional<std::string> key, algorithm, use, token, repository, role;
  std::optional<std::string> at, expires;  // RFC 3339 in UTC
  bool touch = false;
  std::optional<std::map<std::string, std::int64_t>> thresholds;
  std::optional<std::int64_t> root_keys, other_versions_last_hour;
  std::optional<std::vector<std::string>> changed_targets;
  std::optional<bool> delegations_changed;
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

// Runs on the caller's thread, inside the call, for each event; false abandons the call (the connection is
// closed and the call fails, why "abandoned"). It may use another Agent, e.g. to unlock a token; not the one
// that is calling.
using EventCallback = std::function<bool(const Event&)>;

// A connection to the agent. Movable, not copyable; one thread at a time (several threads: several Agents). A
// connection that broke, or that the agent closed, is opened again by the next call; no call is ever sent
// twice.
class SIGNET_API Agent {
 public:
  // ConnectionFailed with a sentence that says how to start the agent.
  static Result<Agent> connect(ConnectOptions options = {});
  Agent(Agent&& other) noexcept;
  Agent& operator=(Agent&& other) noexcept;
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  ~Agent();

  const std::filesystem::path& socket() const;

  Result<AgentStatus> status();
  Result<LedgerInfo> create_ledger();

  Result<std::vector<TokenInfo>> list_tokens();
  Result<TokenInfo> init_token(const InitTokenCall& call);
  // No PIN: the one of the token's configured source.
  Result<TokenInfo> unlock_token(std::string_view token, const std::optional<Secret>& pin = std::nullopt);
  // The PIN is asked for at the agent's own prompt.
  Result<TokenInfo> unlock_token_by_pinentry(std::string_view token);
  Result<TokenInfo> lock_token(std::string_view token);
  Result<TokenInfo> change_pin(std::string_view token, const Secret& old_pin, const Secret& new_pin);
  // so_pin: a PIV card's PUK, else the security officer's PIN.
  Result<TokenInfo> unblock_pin(std::string_view token, const Secret& so_pin, const Secret& new_pin);
  Result<TokenInfo> reset_pin_budget(std::string_view token);

  Result<KeyInfo> generate_key(const GenerateKeyCall& call);
  Result<KeyInfo> enrol_key(const EnrolKeyCall& call);
  Result<AttestedKey> attest_key(std::string_view key);
  Result<std::vector<KeyInfo>> list_keys(const std::optional<std::string>& repository = std::nullopt,
                                         const std::optional<std::string>& role = std::nullopt);
  Result<KeyDetails> show_key(std::string_view key);
  Result<KeyInfo> retire_key(std::string_view key);
  Result<KeyInfo> add_key_location(const AddKeyLocationCall& call);
  // token: its label, serial number or URI.
  Result<KeyInfo> remove_key_location(std::string_view key, std::string_view token);

  Result<RepositoryInfo> create_repository(std::string_view name, std::string_view format);
  Result<RepositoryInfo> adopt_repository(std::string_view name, std::string_view format,
                                          std::string_view root);
  Result<Observation> observe_metadata(std::string_view repository, std::string_view role,
                                       std::string_view metadata);
  Result<std::vector<RepositoryInfo>> list_repositories();

  // With a callback the calls wait for a person (touch, PIN, a token to insert) and tell of it; without one
  // they fail at once where a person is needed.
  Result<SignedMetadata> sign_metadata(const SignMetadataCall& call, const EventCallback& on_event = {});
  Result<MessageSignature> sign_message(const SignMessageCall& call, const EventCallback& on_event = {});
  Result<IssuedCertificateInfo> issue_certificate(const IssueCertificateCall& call,
                                                  const EventCallback& on_event = {});
  // Several at once, over all sessions of the key's tokens. An error is the call's where nothing was signed.
  Result<BatchSignatures> sign_messages(const SignMessagesCall& call, const EventCallback& on_event = {});
  // On the key's token: the first one, unless `token` names another.
  Result<std::vector<TokenCertificateInfo>> read_certificates(
      std::string_view key, const std::optional<std::string>& token = std::nullopt);
  Result<StoredCertificateInfo> store_certificate(const StoreCertificateCall& call);

  Result<std::vector<LedgerRecordInfo>> read_ledger(std::int64_t first, std::int64_t limit);
  Result<SignedCheckpointInfo> read_checkpoint();
  // Waits a few seconds for the checkpoint that has the record.
  Result<RecordProofInfo> read_proof(std::int64_t sequence);
  Result<LedgerCheckInfo> check_ledger(std::int64_t first);
  // Without names: for all roles.
  Result<void> clear_quarantine(const std::optional<std::string>& repository,
                                const std::optional<std::string>& role, std::string_view reason);
  Result<RecordPageInfo> list_records(const ListRecordsCall& call);
  // disclose: with its private detail, which the agent gives its own user alone.
  Result<RecordDetails> show_record(std::int64_t sequence, bool disclose);
  // Copies the ledger to an absolute path, as the agent sees it.
  Result<BackupInfo> backup_ledger(std::string_view file);
  // Gives `on_record` every record behind `after` (nothing: those to come) as it is written. Returns when the
  // agent stops; or, why "abandoned", when on_record returns false.
  Result<void> follow_ledger(const RecordFilterInfo& filter, std::optional<std::int64_t> after,
                             const std::function<bool(const LedgerRecordInfo&)>& on_record);

  Result<PolicyText> show_policy();
  // What is wrong with a policy; empty for a good one.
  Result<std::vector<PolicyMistake>> check_policy(std::string_view text);
  Result<PolicyExplanation> explain_policy(const PolicyQuestion& question);

  // Any method, by its full name ("org.signet.Agent.Status", "org.varlink.service.GetInfo"); a reply's
  // "parameters".
  Result<boost::json::object> call(std::string_view method, const boost::json::object& parameters);
  // The same with "more": on_reply gets every reply that "continues"; false abandons the call. Returns the
  // last reply.
  Result<boost::json::object> call_more(std::string_view method, const boost::json::object& parameters,
                                        const std::function<bool(const boost::json::object&)>& on_reply);

 private:
  struct State;
  explicit Agent(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace signet::client
