#include "client/signet.h"

#include <algorithm>
#include <utility>

#include "client/call_json.h"
#include "client/connection.h"
#include "client/identity_file.h"
#include "client/reply.h"
#include "protocol/secret_json.h"
#include "protocol/socket_path.h"
#include "protocol/varlink_message.h"

namespace signet::client {
namespace {

using boost::json::object;

constexpr std::string_view kInterface = "org.signet.Agent.";

boost::json::string_view json_view(std::string_view text) {
  return {text.data(), text.size()};
}

boost::json::array strings(const std::vector<std::string>& all) {
  boost::json::array array;
  for (const auto& one : all) array.emplace_back(one);
  return array;
}

boost::json::array base64_list(const std::vector<Bytes>& all) {
  boost::json::array array;
  array.reserve(all.size());
  for (const Bytes& one : all) array.emplace_back(to_base64(one));
  return array;
}

// Null where there is nothing, as the IDL's "?" types want it. The secret stays in the object's own wiped
// memory.
void put_secret(object& parameters, std::string_view name, const std::optional<Secret>& secret) {
  if (!secret)
    parameters[json_view(name)] = nullptr;
  else
    parameters[json_view(name)] = boost::json::string(json_view(secret->text()), parameters.storage());
}

void put_optional(object& parameters, std::string_view name, const std::optional<std::string>& text) {
  if (text) parameters[json_view(name)] = *text;
}

}  // namespace

std::filesystem::path default_socket() {
  auto path = client_socket_path();
  return path ? *path : std::filesystem::path(kSystemSocket);
}

// What stands behind an Agent: where to connect, and the connection while it is sound.
struct Agent::State {
  ConnectOptions options;
  std::filesystem::path socket;
  std::optional<Connection> connection;

  enum class Wait { Short, Token, Forever };
  using OnReply = std::function<bool(const object&)>;

  Result<void> reconnect() {
    connection.reset();
    auto opened = Connection::open(socket, std::chrono::steady_clock::now() + options.connect_deadline);
    if (!opened) return opened.error();
    connection.emplace(std::move(*opened));
    fresh = true;
    return {};
  }

  // A fresh connection may hold a word of the agent already (why it will close it): that is the reply to the
  // first call.
  Result<void> ensure_connected() {
    if (connection && (std::exchange(fresh, false) || connection->quiet())) return {};
    auto opened = reconnect();
    fresh = false;
    return opened;
  }

  SteadyTime deadline(Wait wait) const {
    if (wait == Wait::Forever) return SteadyTime::max();
    return std::chrono::steady_clock::now() +
           (wait == Wait::Short ? options.call_deadline : options.token_deadline);
  }

  // One call. The connection is dropped when it is no longer known where the next reply on it begins.
  Result<object> exchange(std::string_view method, const object& parameters, Wait wait,
                          const OnReply* on_reply) {
    if (auto connected = ensure_connected(); !connected) return connected.error();
    VarlinkCall call;
    call.method = std::string(method);
    call.parameters = object(parameters, parameters.storage());
    call.more = on_reply != nullptr;
    const WipedBuffer frame = encode_call(call);
    // A send that fails is told by what the agent said before it closed, if it said anything.
    const auto sent = connection->send(as_text(frame), deadline(wait));
    if (!sent && sent.error().parameters.at("why") != "closed") return drop(sent.error());
    return await_replies(wait, on_reply);
  }

  Result<object> await_replies(Wait wait, const OnReply* on_reply) {
    for (;;) {
      auto frame = connection->receive(deadline(wait));
      if (!frame) return drop(frame.error());
      auto reply = parse_reply(as_text(*frame), boost::json::storage_ptr());
      if (!reply)
        return drop(
            connection_error("malformed", "The agent's reply cannot be read: " + reply.error().message +
                                              " Check that a signetd listens at " + socket.string() + "."));
      if (!reply->continues) return reply_result(std::move(*reply));
      if (on_reply == nullptr)
        return drop(
            connection_error("malformed",
                             "The agent sent one reply of several where one was asked for. Check that a "
                             "signetd listens at " +
                                 socket.string() + "."));
      if (!(*on_reply)(reply->parameters))
        return drop(
            connection_error("abandoned", "The call was abandoned here; the agent drops its result."));
    }
  }

  Error drop(Error error) {
    connection.reset();
    return error;
  }

  Result<object> plain(std::string_view method, const object& parameters, Wait wait = Wait::Short) {
    return exchange(std::string(kInterface).append(method), parameters, wait, nullptr);
  }

  // A call whose events go to a person, if there is one.
  Result<object> with_events(std::string_view method, const object& parameters,
                             const EventCallback& on_event) {
    const std::string full = std::string(kInterface).append(method);
    if (!on_event) return exchange(full, parameters, Wait::Token, nullptr);
    const OnReply on_reply = [&](const object& reply) {
      auto event = read_event(reply);
      // Events are advice: one that this build cannot read is no reason to end the call.
      return !event || on_event(*event);
    };
    return exchange(full, parameters, Wait::Token, &on_reply);
  }

  // The identity token as its file has it now; nothing where the job names none.
  Result<std::optional<Secret>> identity() const {
    const auto file = options.identity_file ? options.identity_file : identity_file_of_environment();
    if (!file) return std::optional<Secret>();
    auto token = read_identity_file(*file, options.on_warning);
    if (!token) return token.error();
    return std::optional<Secret>(std::move(*token));
  }

  // Parameters of a call that signs. With a token they are in memory that is wiped.
  Result<object> signing_parameters() const {
    const auto token = identity();
    if (!token) return token.error();
    object parameters(*token ? make_secret_storage() : boost::json::storage_ptr());
    if (*token) put_secret(parameters, "identity", *token);
    return parameters;
  }

  bool fresh = false;
};

namespace {

template <typename T>
Result<T> then(const Result<object>& reply, Result<T> (*read)(const object&)) {
  if (!reply) return reply.error();
  return read(*reply);
}

}  // namespace

Result<Agent> Agent::connect(ConnectOptions options) {
  auto state = std::make_unique<State>();
  if (options.socket) {
    state->socket = *options.socket;
  } else {
    auto path = client_socket_path();
    if (!path) return path.error();
    state->socket = std::move(*path);
  }
  state->options = std::move(options);
  if (auto connected = state->reconnect(); !connected) return connected.error();
  return Agent(std::move(state));
}

Agent::Agent(std::unique_ptr<State> state) : state_(std::move(state)) {}
Agent::Agent(Agent&& other) noexcept = default;
Agent& Agent::operator=(Agent&& other) noexcept = default;
Agent::~Agent() = default;

const std::filesystem::path& Agent::socket() const {
  return state_->socket;
}

Result<AgentStatus> Agent::status() {
  return then(state_->plain("Status", {}), read_status);
}

Result<LedgerInfo> Agent::create_ledger() {
  return then(state_->plain("CreateLedger", {}), read_ledger_reply);
}

// --- tokens ---

Result<std::vector<TokenInfo>> Agent::list_tokens() {
  return then(state_->plain("ListTokens", {}), read_token_list);
}

Result<TokenInfo> Agent::init_token(const InitTokenCall& call) {
  object parameters(make_secret_storage());
  parameters["token"] = call.token;
  parameters["label"] = call.label;
  put_secret(parameters, "soPin", call.so_pin.copy());
  put_secret(parameters, "pin", call.pin.copy());
  return then(state_->plain("InitToken", parameters, State::Wait::Token), read_token_reply);
}

Result<TokenInfo> Agent::unlock_token(std::string_view token, const std::optional<Secret>& pin) {
  object parameters(make_secret_storage());
  parameters["token"] = json_view(token);
  put_secret(parameters, "pin", pin);
  return then(state_->plain("UnlockToken", parameters, State::Wait::Token), read_token_reply);
}

Result<TokenInfo> Agent::unlock_token_by_pinentry(std::string_view token) {
  object parameters;
  parameters["token"] = json_view(token);
  parameters["pinentry"] = true;
  return then(state_->plain("UnlockToken", parameters, State::Wait::Forever), read_token_reply);
}

Result<TokenInfo> Agent::lock_token(std::string_view token) {
  object parameters;
  parameters["token"] = json_view(token);
  return then(state_->plain("LockToken", parameters, State::Wait::Token), read_token_reply);
}

Result<TokenInfo> Agent::change_pin(std::string_view token, const Secret& old_pin, const Secret& new_pin) {
  object parameters(make_secret_storage());
  parameters["token"] = json_view(token);
  put_secret(parameters, "oldPin", old_pin.copy());
  put_secret(parameters, "newPin", new_pin.copy());
  return then(state_->plain("ChangePin", parameters, State::Wait::Token), read_token_reply);
}

Result<TokenInfo> Agent::unblock_pin(std::string_view token, const Secret& so_pin, const Secret& new_pin) {
  object parameters(make_secret_storage());
  parameters["token"] = json_view(token);
  put_secret(parameters, "soPin", so_pin.copy());
  put_secret(parameters, "newPin", new_pin.copy());
  return then(state_->plain("UnblockPin", parameters, State::Wait::Token), read_token_reply);
}

Result<TokenInfo> Agent::reset_pin_budget(std::string_view token) {
  object parameters;
  parameters["token"] = json_view(token);
  return then(state_->plain("ResetPinBudget", parameters, State::Wait::Token), read_token_reply);
}

// --- keys ---

Result<KeyInfo> Agent::generate_key(const GenerateKeyCall& call) {
  object parameters(make_secret_storage());
  parameters["token"] = call.token;
  parameters["name"] = call.name;
  parameters["algorithm"] = call.algorithm;
  parameters["uses"] = strings(call.uses);
  put_secret(parameters, "pin", call.pin);
  // Named only where they are meant: an agent from before them refuses what it does not know.
  if (call.so_pin) put_secret(parameters, "soPin", call.so_pin);
  put_optional(parameters, "id", call.id);
  return then(state_->plain("GenerateKey", parameters, State::Wait::Token), read_key_reply);
}

Result<KeyInfo> Agent::enrol_key(const EnrolKeyCall& call) {
  object parameters;
  parameters["uri"] = call.uri;
  parameters["name"] = call.name;
  parameters["uses"] = strings(call.uses);
  put_optional(parameters, "attestation", call.attestation);
  put_optional(parameters, "intermediate", call.intermediate);
  return then(state_->plain("EnrolKey", parameters, State::Wait::Token), read_key_reply);
}

Result<AttestedKey> Agent::attest_key(std::string_view key) {
  object parameters;
  parameters["key"] = json_view(key);
  return then(state_->plain("AttestKey", parameters), read_attested_key);
}

Result<std::vector<KeyInfo>> Agent::list_keys(const std::optional<std::string>& repository,
                                              const std::optional<std::string>& role) {
  object parameters;
  put_optional(parameters, "repository", repository);
  put_optional(parameters, "role", role);
  return then(state_->plain("ListKeys", parameters), read_key_list);
}

Result<KeyDetails> Agent::show_key(std::string_view key) {
  object parameters;
  parameters["key"] = json_view(key);
  return then(state_->plain("ShowKey", parameters), read_key_details);
}

Result<KeyInfo> Agent::retire_key(std::string_view key) {
  object parameters;
  parameters["key"] = json_view(key);
  return then(state_->plain("RetireKey", parameters), read_key_reply);
}

Result<KeyInfo> Agent::add_key_location(const AddKeyLocationCall& call) {
  object parameters;
  parameters["key"] = call.key;
  parameters["uri"] = call.uri;
  if (call.order) parameters["order"] = *call.order;
  if (call.weight) parameters["weight"] = *call.weight;
  return then(state_->plain("AddKeyLocation", parameters, State::Wait::Token), read_key_reply);
}

Result<KeyInfo> Agent::remove_key_location(std::string_view key, std::string_view token) {
  object parameters;
  parameters["key"] = json_view(key);
  parameters["token"] = json_view(token);
  return then(state_->plain("RemoveKeyLocation", parameters), read_key_reply);
}

// --- repositories ---

Result<RepositoryInfo> Agent::create_repository(std::string_view name, std::string_view format) {
  object parameters;
  parameters["name"] = json_view(name);
  parameters["format"] = json_view(format);
  return then(state_->plain("CreateRepository", parameters), read_repository_reply);
}

Result<RepositoryInfo> Agent::adopt_repository(std::string_view name, std::string_view format,
                                               std::string_view root) {
  object parameters;
  parameters["name"] = json_view(name);
  parameters["format"] = json_view(format);
  parameters["root"] = json_view(root);
  return then(state_->plain("AdoptRepository", parameters), read_repository_reply);
}

Result<Observation> Agent::observe_metadata(std::string_view repository, std::string_view role,
                                            std::string_view metadata) {
  object parameters;
  parameters["repository"] = json_view(repository);
  parameters["role"] = json_view(role);
  parameters["metadata"] = json_view(metadata);
  return then(state_->plain("ObserveMetadata", parameters), read_observation);
}

Result<std::vector<RepositoryInfo>> Agent::list_repositories() {
  return then(state_->plain("ListRepositories", {}), read_repository_list);
}

// --- signing ---

Result<SignedMetadata> Agent::sign_metadata(const SignMetadataCall& call, const EventCallback& on_event) {
  auto signing = state_->signing_parameters();
  if (!signing) return signing.error();
  object& parameters = *signing;
  parameters["repository"] = call.repository;
  parameters["role"] = call.role;
  parameters["format"] = call.format;
  parameters["signed"] = call.signed_bytes;
  if (call.keys) parameters["keys"] = strings(*call.keys);
  parameters["dryRun"] = call.dry_run;
  parameters["supersede"] = call.supersede;
  parameters["acceptLowerThreshold"] = call.accept_lower_threshold;
  return then(state_->with_events("SignMetadata", parameters, on_event), read_signed_metadata);
}

Result<MessageSignature> Agent::sign_message(const SignMessageCall& call, const EventCallback& on_event) {
  auto signing = state_->signing_parameters();
  if (!signing) return signing.error();
  object& parameters = *signing;
  parameters["key"] = call.key;
  if (call.message) parameters["message"] = to_base64(*call.message);
  if (call.digest) parameters["digest"] = to_base64(*call.digest);
  put_optional(parameters, "scheme", call.scheme);
  return then(state_->with_events("SignMessage", parameters, on_event), read_message_signature);
}

Result<IssuedCertificateInfo> Agent::issue_certificate(const IssueCertificateCall& call,
                                                       const EventCallback& on_event) {
  auto signing = state_->signing_parameters();
  if (!signing) return signing.error();
  object& parameters = *signing;
  parameters["key"] = call.key;
  parameters["kind"] = call.kind;
  parameters["subject"] = strings(call.subject);
  parameters["names"] = strings(call.names);
  parameters["purposes"] = strings(call.purposes);
  put_optional(parameters, "notBefore", call.not_before);
  put_optional(parameters, "notAfter", call.not_after);
  return then(state_->with_events("IssueCertificate", parameters, on_event), read_issued_certificate);
}

Result<BatchSignatures> Agent::sign_messages(const SignMessagesCall& call, const EventCallback& on_event) {
  auto signing = state_->signing_parameters();
  if (!signing) return signing.error();
  object& parameters = *signing;
  parameters["key"] = call.key;
  if (!call.messages.empty()) parameters["messages"] = base64_list(call.messages);
  if (!call.digests.empty()) parameters["digests"] = base64_list(call.digests);
  put_optional(parameters, "scheme", call.scheme);
  auto signatures = then(state_->with_events("SignMessage", parameters, on_event), read_batch_signatures);
  if (!signatures || signatures->results.size() == call.messages.size() + call.digests.size())
    return signatures;
  return connection_error(
      "malformed",
      "The agent answered with another number of signatures than it was asked for. Check that "
      "signet and signetd fit.");
}

Result<std::vector<TokenCertificateInfo>> Agent::read_certificates(std::string_view key,
                                                                   const std::optional<std::string>& token) {
  object parameters;
  parameters["key"] = json_view(key);
  put_optional(parameters, "token", token);
  return then(state_->plain("ReadCertificates", parameters, State::Wait::Token), read_token_certificates);
}

Result<StoredCertificateInfo> Agent::store_certificate(const StoreCertificateCall& call) {
  object parameters(make_secret_storage());
  parameters["key"] = call.key;
  parameters["certificate"] = call.certificate;
  parameters["replace"] = call.replace;
  put_optional(parameters, "token", call.token);
  put_secret(parameters, "pin", call.pin);
  put_secret(parameters, "soPin", call.so_pin);
  return then(state_->plain("StoreCertificate", parameters, State::Wait::Token), read_stored_certificate);
}

Result<std::vector<LedgerRecordInfo>> Agent::read_ledger(std::int64_t first, std::int64_t limit) {
  object parameters;
  parameters["first"] = first;
  parameters["limit"] = limit;
  return then(state_->plain("ReadLedger", parameters), read_records);
}

Result<SignedCheckpointInfo> Agent::read_checkpoint() {
  return then(state_->plain("ReadCheckpoint", {}), read_checkpoint_reply);
}

Result<RecordProofInfo> Agent::read_proof(std::int64_t sequence) {
  object parameters;
  parameters["sequence"] = sequence;
  return then(state_->plain("ReadProof", parameters), read_proof_reply);
}

Result<LedgerCheckInfo> Agent::check_ledger(std::int64_t first) {
  object parameters;
  parameters["first"] = first;
  return then(state_->plain("CheckLedger", parameters), read_ledger_check);
}

Result<void> Agent::clear_quarantine(const std::optional<std::string>& repository,
                                     const std::optional<std::string>& role, std::string_view reason) {
  object parameters;
  put_optional(parameters, "repository", repository);
  put_optional(parameters, "role", role);
  parameters["reason"] = json_view(reason);
  const auto reply = state_->plain("ClearQuarantine", parameters);
  if (!reply) return reply.error();
  return {};
}

Result<RecordPageInfo> Agent::list_records(const ListRecordsCall& call) {
  object parameters{
      {"filter", filter_json(call.filter)}, {"newestFirst", call.newest_first}, {"limit", call.limit}};
  if (call.after) parameters["after"] = *call.after;
  return then(state_->plain("ListRecords", parameters), read_record_page);
}

Result<RecordDetails> Agent::show_record(std::int64_t sequence, bool disclose) {
  const object parameters{{"sequence", sequence}, {"disclose", disclose}};
  return then(state_->plain("ShowRecord", parameters), read_record_details);
}

Result<BackupInfo> Agent::backup_ledger(std::string_view file) {
  object parameters;
  parameters["file"] = json_view(file);
  return then(state_->plain("BackupLedger", parameters, State::Wait::Token), read_backup);
}

Result<void> Agent::follow_ledger(const RecordFilterInfo& filter, std::optional<std::int64_t> after,
                                  const std::function<bool(const LedgerRecordInfo&)>& on_record) {
  object parameters{{"filter", filter_json(filter)}};
  if (after) parameters["after"] = *after;
  std::optional<Error> fault;
  const State::OnReply on_reply = [&](const object& reply) {
    const auto records = read_records(reply);
    if (!records) fault = records.error();
    if (fault) return false;
    return std::all_of(records->begin(), records->end(), on_record);
  };
  const auto last =
      state_->exchange(std::string(kInterface) + "FollowLedger", parameters, State::Wait::Forever, &on_reply);
  if (fault) return *fault;
  if (!last) return last.error();
  return {};
}

// --- any method ---

Result<object> Agent::call(std::string_view method, const object& parameters) {
  return state_->exchange(method, parameters, State::Wait::Token, nullptr);
}

Result<object> Agent::call_more(std::string_view method, const object& parameters,
                                const std::function<bool(const object&)>& on_reply) {
  return state_->exchange(method, parameters, State::Wait::Token, &on_reply);
}

}  // namespace signet::client
