// SignMessage: bytes or a digest that the agent cannot read, for keys that are enrolled for that.
#include <algorithm>

#include "agent/service/authorisation.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/token_signing.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

struct SignMessageCall {
  KeyBook::Entry entry;
  std::optional<PublicKey> key;
  SignatureScheme scheme = SignatureScheme::EcdsaSha256;
  bool is_digest = false;
  Bytes content;       // the message or the digest
  std::string digest;  // SHA-256 of the message, or the digest; hexadecimal
};

bool has_use(const LedgerKey& key, std::string_view use) {
  return std::find(key.uses.begin(), key.uses.end(), use) != key.uses.end();
}

Result<void> check_use(const LedgerKey& key, bool is_digest) {
  const std::string use = is_digest ? "digest" : "message";
  if (key.retired)
    return Error{ErrorName::KeyRefused,
                 "The key " + key.name + " is retired: it signs nothing more.",
                 {{"key", key.name}, {"why", "retired"}}};
  if (has_use(key, "tuf"))
    return Error{ErrorName::PolicyDenied,
                 "The key " + key.name + " signs metadata (tuf), so it never signs a " + use +
                     ": the agent could not read what that signature says. Use SignMetadata, or another key.",
                 {{"rule", "tuf-excludes-" + use}}};
  if (!has_use(key, use))
    return Error{ErrorName::KeyRefused,
                 "The key " + key.name + " is not enrolled for the use " + use + ".",
                 {{"key", key.name}, {"why", "use-excluded"}}};
  return {};
}

Result<SignatureScheme> parse_scheme(const boost::json::object& parameters, const LedgerKey& entry,
                                     const PublicKey& key) {
  const auto name = optional_text(parameters, "scheme");
  if (!name) return name.error();
  if (!name->has_value()) return default_scheme(key.algorithm());
  const auto scheme = parse_signature_scheme(**name);
  if (!scheme) return invalid_parameter("scheme", "There is no scheme \"" + **name + "\".");
  if (!scheme_fits(*scheme, key.algorithm()))
    return Error{ErrorName::MechanismUnsupported,
                 "The key " + entry.name + " (" + entry.algorithm + ") cannot sign with " + **name + ".",
                 {{"key", entry.name}, {"mechanism", **name}}};
  return *scheme;
}

Result<SignMessageCall> parse_call(ServiceState& state, const boost::json::object& parameters) {
  SignMessageCall call;
  const auto name = text_parameter(parameters, "key");
  if (!name) return name.error();
  const auto message = optional_text(parameters, "message");
  if (!message) return message.error();
  const auto digest = optional_text(parameters, "digest");
  if (!digest) return digest.error();
  if (message->has_value() == digest->has_value())
    return invalid_parameter("message", "Give exactly one of \"message\" and \"digest\".");
  call.is_digest = digest->has_value();
  auto content = from_base64(call.is_digest ? **digest : **message);
  if (!content)
    return invalid_parameter(call.is_digest ? "digest" : "message", "This is not base64 (RFC 4648, padded).");
  call.content = std::move(*content);
  call.digest = call.is_digest ? to_hex(call.content) : sha256_hex(call.content);
  call.entry = state.keys.find(*name);
  if (!call.entry)
    return Error{ErrorName::NotFound,
                 "No key named " + *name + " is enrolled in this agent. See \"signet key list\".",
                 {{"kind", "key"}, {"name", *name}}};
  if (const auto use = check_use(*call.entry, call.is_digest); !use) return use.error();
  auto key = state.keys.public_key(*call.entry);
  if (!key) return key.error();
  const auto scheme = parse_scheme(parameters, *call.entry, *key);
  if (!scheme) return scheme.error();
  call.key = std::move(*key);
  call.scheme = *scheme;
  return call;
}

Result<Bytes> make_token_input(const SignMessageCall& call) {
  if (!call.is_digest) return token_input(call.scheme, call.content);
  if (call.scheme == SignatureScheme::Ed25519)
    return Error{ErrorName::MechanismUnsupported,
                 "Ed25519 signs messages, not digests (RFC 8032): send the message.",
                 {{"key", call.entry->name}, {"mechanism", "ed25519"}}};
  return token_input_of_digest(call.scheme, call.content);
}

bool verifies(const SignMessageCall& call, BytesView raw) {
  return call.is_digest ? verify_token_signature_of_digest(*call.key, call.scheme, call.content, raw)
                        : verify_token_signature(*call.key, call.scheme, call.content, raw);
}

// What a token's audience names: SHA-256 of the payload. A digest by another function says nothing of it.
std::optional<std::string> payload_digest(const SignMessageCall& call) {
  if (call.is_digest && call.scheme == SignatureScheme::EcdsaSha384) return std::nullopt;
  return call.digest;
}

boost::json::object statement(const SignMessageCall& call) {
  return {{"key", call.entry->fingerprint},
          {"scheme", to_string(call.scheme)},
          {"input", call.is_digest ? "digest" : "message"},
          {"digest", call.digest}};
}

awaitable<Result<Bytes>> sign_on_token(ServiceState& state, const SignMessageCall& call, Bytes input,
                                       Waiting waiting) {
  const KeyLocation location = key_location(*call.entry, *call.key);
  auto raw = co_await state.tokens.sign(location, token_mechanism(call.scheme), std::move(input),
                                        std::move(waiting));
  if (!raw) co_return raw.error();
  const bool check = raw->fresh_handle || raw->removable || state.settings.verify_every_message;
  if (check && !verifies(call, raw->signature)) {
    state.tokens.distrust(location);
    co_return wrong_signature(*call.entry);
  }
  const bool is_ecdsa =
      call.scheme == SignatureScheme::EcdsaSha256 || call.scheme == SignatureScheme::EcdsaSha384;
  if (is_ecdsa) co_return ecdsa_raw_to_der(raw->signature);
  co_return std::move(raw->signature);
}

// What the policy is asked about a message: the key with the one use that it is asked for.
PolicyRequest message_request(const SignMessageCall& call, const Identity& identity) {
  PolicyRequest request = policy_request(identity, Action::SignMessage);
  request.key = policy_key(*call.entry);
  request.key->uses = {call.is_digest ? "digest" : "message"};
  request.token = policy_token(*call.entry);
  return request;
}

Confirmation confirmation(const SignMessageCall& call) {
  Confirmation asked;
  asked.question = "Sign with the key " + call.entry->name + "?";
  asked.details = call.is_digest ? "A digest, of what the agent cannot know: " + call.digest
                                 : "A message of " + std::to_string(call.content.size()) +
                                       " bytes, SHA-256 " + call.digest;
  return asked;
}

// After a wait: the policy may have changed, or the key have been retired.
Result<void> judge_message_again(const ServiceState& state, const SignMessageCall& parsed,
                                 const Identity& identity, const Verdict& before) {
  auto again = judge_again(state.policy->policy, message_request(parsed, identity), before);
  if (!again) return again;
  const KeyBook::Entry entry = state.keys.by_fingerprint(parsed.entry->fingerprint);
  return check_use(entry ? *entry : *parsed.entry, parsed.is_digest);
}

awaitable<Result<Verdict>> authorise_message(ServiceState& state, const SignMessageCall& parsed,
                                             const Identity& identity) {
  PolicyRequest request = message_request(parsed, identity);
  // Most need nobody's agreement: what a person would be shown is made for those that do.
  auto verdict = judge(state.policy->policy, request);
  if (!verdict || (verdict->needs.confirm == Confirm::None && verdict->needs.approvals == 0))
    co_return verdict;
  verdict = co_await authorise(state, std::move(request), confirmation(parsed));
  if (!verdict) co_return verdict;
  // A person thought about it.
  const auto again = judge_message_again(state, parsed, identity, *verdict);
  if (!again) co_return again.error();
  co_return verdict;
}

// What the call waits for, and what is asked once more when it has waited.
Waiting message_waiting(ServiceState& state, EventSink& events, const SignMessageCall& parsed,
                        const Identity& identity, const Verdict& verdict) {
  boost::json::object empty{{"signature", nullptr}, {"scheme", nullptr}};
  Waiting waiting = waiting_for(events, std::move(empty));
  waiting.still_allowed = [&]() -> awaitable<Result<void>> {
    co_return judge_message_again(state, parsed, identity, verdict);
  };
  return waiting;
}

awaitable<Reply> sign_message(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto parsed = parse_call(state, call.parameters);
  if (!parsed) co_return parsed.error();
  auto input = make_token_input(*parsed);
  if (!input) co_return input.error();
  Result<Identity> identity = Identity(call.peer);
  if (call.parameters.contains("identity"))
    identity = co_await identify(state, call, payload_digest(*parsed));
  if (!identity) co_return identity.error();
  const auto allowed = co_await authorise_message(state, *parsed, *identity);
  if (!allowed) co_return allowed.error();
  if (identity->token()) {
    if (const auto spent = co_await state.identification.spend(*identity); !spent) co_return spent.error();
  }
  MessageIntent intent;
  intent.statement = statement(*parsed);
  intent.alone = identity->token().has_value();
  if (intent.alone) intent.statement["identity"] = identity->statement();
  intent.who = requester(call.peer);
  // The record and the signature are made at the same time: what counts is that the intent is durable before
  // the signature leaves.
  const MessageRecorder::Entry entry = state.messages.begin(**ledger, std::move(intent));
  Waiting waiting = message_waiting(state, call.events, *parsed, *identity, *allowed);
  const auto signature = co_await sign_on_token(state, *parsed, std::move(*input), std::move(waiting));
  state.messages.ended(entry, signature ? "signed" : std::string(short_name(signature.error().name)));
  boost::json::value record;
  if (!signature || state.messages.record_before_release(entry)) {
    const Result<std::int64_t> sequence = co_await state.messages.recorded(entry);
    if (!sequence) co_return sequence.error();
    record = *sequence;
  }
  if (!signature) co_return signature.error();
  boost::json::object reply{{"signature", to_base64(*signature)},
                            {"scheme", to_string(parsed->scheme)},
                            {"event", nullptr},
                            {"record", std::move(record)}};
  co_return reply;
}

}  // namespace

void add_message_methods(ServiceState& state, MethodTable& table) {
  Method& method = table["SignMessage"];
  method.handler = [&state](Call call) { return sign_message(state, call); };
  method.allow_more = true;
}

}  // namespace signet
