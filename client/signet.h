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

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/agent_answers.h"
#include "client/agent_calls.h"
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
