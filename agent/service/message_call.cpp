#include "agent/service/message_call.h"

#include <algorithm>

#include "agent/service/key_rules.h"
#include "agent/service/parameters.h"
#include "agent/service/token_signing.h"

namespace signet {

using boost::asio::awaitable;

namespace {

bool has_use(const LedgerKey& key, std::string_view use) {
  return std::find(key.uses.begin(), key.uses.end(), use) != key.uses.end();
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

bool verifies(const MessageTerms& terms, const MessageContent& content, BytesView raw) {
  if (content.sha256 && signs_sha256(terms.scheme))
    return verify_token_signature_of_digest(*terms.key, terms.scheme, *content.sha256, raw);
  return terms.is_digest ? verify_token_signature_of_digest(*terms.key, terms.scheme, content.bytes, raw)
                         : verify_token_signature(*terms.key, terms.scheme, content.bytes, raw);
}

}  // namespace

Result<void> check_message_use(const LedgerKey& key, bool is_digest) {
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

Result<MessageTerms> parse_message_terms(ServiceState& state, const boost::json::object& parameters,
                                         bool is_digest) {
  MessageTerms terms;
  const auto name = text_parameter(parameters, "key");
  if (!name) return name.error();
  terms.is_digest = is_digest;
  terms.entry = state.keys.find(*name);
  if (!terms.entry) return key_not_found(*name);
  if (const auto use = check_message_use(*terms.entry, is_digest); !use) return use.error();
  auto key = state.keys.public_key(*terms.entry);
  if (!key) return key.error();
  const auto scheme = parse_scheme(parameters, *terms.entry, *key);
  if (!scheme) return scheme.error();
  terms.key = std::move(*key);
  terms.scheme = *scheme;
  return terms;
}

Result<MessageContent> parse_message(std::string_view base64, std::string_view parameter, bool is_digest) {
  auto bytes = from_base64(base64);
  if (!bytes) return invalid_parameter(parameter, "This is not base64 (RFC 4648, padded).");
  MessageContent content;
  if (!is_digest) content.sha256 = sha256_of({*bytes});
  content.digest = content.sha256 ? to_hex(*content.sha256) : to_hex(*bytes);
  content.bytes = std::move(*bytes);
  return content;
}

Result<Bytes> message_input(const MessageTerms& terms, const MessageContent& content) {
  if (content.sha256 && signs_sha256(terms.scheme))
    return token_input_of_digest(terms.scheme, *content.sha256);
  if (!terms.is_digest) return token_input(terms.scheme, content.bytes);
  if (terms.scheme == SignatureScheme::Ed25519)
    return Error{ErrorName::MechanismUnsupported,
                 "Ed25519 signs messages, not digests (RFC 8032): send the message.",
                 {{"key", terms.entry->name}, {"mechanism", "ed25519"}}};
  return token_input_of_digest(terms.scheme, content.bytes);
}

Result<Bytes> checked_signature(const ServiceState& state, const MessageTerms& terms,
                                const KeyLocation& location, const MessageContent& content,
                                Result<TokenSignature> made, std::set<std::size_t>& wrong) {
  if (!made) return made.error();
  const bool check = made->fresh_handle || made->removable || state.settings.verify_every_message;
  if (check && !verifies(terms, content, made->signature)) {
    wrong.insert(made->place);
    return wrong_signature(*terms.entry, location.place(made->place));
  }
  const bool is_ecdsa =
      terms.scheme == SignatureScheme::EcdsaSha256 || terms.scheme == SignatureScheme::EcdsaSha384;
  if (is_ecdsa) return ecdsa_raw_to_der(made->signature);
  return std::move(made->signature);
}

void distrust_places(ServiceState& state, const KeyLocation& location, const std::set<std::size_t>& wrong) {
  for (const std::size_t place : wrong) state.tokens.distrust(location, place);
}

std::optional<std::string> payload_digest(const MessageTerms& terms, const MessageContent& content) {
  if (terms.is_digest && terms.scheme == SignatureScheme::EcdsaSha384) return std::nullopt;
  return content.digest;
}

MessageIntent message_intent(const MessageTerms& terms, const MessageContent& content,
                             const Identity& identity) {
  MessageIntent intent;
  intent.statement = {{"key", terms.entry->fingerprint},
                      {"scheme", to_string(terms.scheme)},
                      {"input", terms.is_digest ? "digest" : "message"},
                      {"digest", content.digest}};
  intent.alone = identity.token().has_value();
  if (intent.alone) intent.statement["identity"] = identity.statement();
  intent.who = requester(identity.peer());
  return intent;
}

PolicyRequest message_request(const MessageTerms& terms, const Identity& identity) {
  PolicyRequest request = policy_request(identity, Action::SignMessage);
  request.key = policy_key(*terms.entry);
  request.key->uses = {terms.is_digest ? "digest" : "message"};
  request.token = policy_token(*terms.entry);
  return request;
}

KeyLocation permitted_location(const ServiceState& state, const MessageTerms& terms, const Identity& identity,
                               const Verdict& verdict) {
  KeyLocation location = key_location(*terms.entry, *terms.key);
  if (location.also.empty()) return location;
  return permitted_places(state.policy->policy, message_request(terms, identity), verdict,
                          std::move(location));
}

Result<void> judge_message_again(const ServiceState& state, const MessageTerms& terms,
                                 const Identity& identity, const Verdict& before) {
  auto again = judge_again(state.policy->policy, message_request(terms, identity), before);
  if (!again) return again;
  const KeyBook::Entry entry = state.keys.by_fingerprint(terms.entry->fingerprint);
  return check_message_use(entry ? *entry : *terms.entry, terms.is_digest);
}

bool needs_nobody(const Verdict& verdict) {
  return verdict.needs.confirm == Confirm::None && verdict.needs.approvals == 0;
}

awaitable<Result<Verdict>> agree_to_message(ServiceState& state, const MessageTerms& terms,
                                            const Identity& identity, Confirmation asked) {
  auto verdict = co_await authorise(state, message_request(terms, identity), std::move(asked));
  if (!verdict) co_return verdict;
  const auto again = judge_message_again(state, terms, identity, *verdict);
  if (!again) co_return again.error();
  co_return verdict;
}

}  // namespace signet
