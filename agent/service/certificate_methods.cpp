// IssueCertificate: self-signed certificates and requests for one, which the agent writes itself and a token
// signs.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/json/array.hpp>

#include "agent/certificates/certificate_builder.h"
#include "agent/service/authorisation.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/token_signing.h"
#include "protocol/notary_certificate.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

constexpr std::string_view kUse = "certificate";

struct IssueCall {
  KeyBook::Entry entry;
  std::optional<PublicKey> key;
  CertificateSpec spec;
  std::optional<UnsignedCertificate> content;
};

Result<void> check_use(const LedgerKey& key) {
  if (key.retired)
    return Error{ErrorName::KeyRefused,
                 "The key " + key.name + " is retired: it signs nothing more.",
                 {{"key", key.name}, {"why", "retired"}}};
  if (std::find(key.uses.begin(), key.uses.end(), kUse) != key.uses.end()) return {};
  return Error{
      ErrorName::KeyRefused,
      "The key " + key.name +
          " is not enrolled for the use certificate. A key for metadata may have it too: retire the key "
          "and enrol it anew with both uses.",
      {{"key", key.name}, {"why", "use-excluded"}}};
}

Result<CertificateWish> read_wish(const boost::json::object& parameters) {
  CertificateWish wish;
  auto kind = text_parameter(parameters, "kind");
  if (!kind) return kind.error();
  wish.kind = std::move(*kind);
  for (const auto& [name, member] :
       {std::pair{"subject", &wish.subject}, {"names", &wish.names}, {"purposes", &wish.purposes}}) {
    auto list = text_list(parameters, name);
    if (!list) return list.error();
    *member = std::move(*list);
  }
  for (const auto& [name, member] :
       {std::pair{"notBefore", &wish.not_before}, {"notAfter", &wish.not_after}}) {
    auto text = optional_text(parameters, name);
    if (!text) return text.error();
    *member = std::move(*text);
  }
  return wish;
}

Result<IssueCall> parse_call(ServiceState& state, const boost::json::object& parameters) {
  IssueCall call;
  const auto name = text_parameter(parameters, "key");
  if (!name) return name.error();
  const auto wish = read_wish(parameters);
  if (!wish) return wish.error();
  auto spec = parse_certificate_wish(*wish, now_seconds());
  if (!spec) return spec.error();
  call.spec = std::move(*spec);
  call.entry = state.keys.find(*name);
  if (!call.entry)
    return Error{ErrorName::NotFound,
                 "No key named " + *name + " is enrolled in this agent. See \"signet key list\".",
                 {{"kind", "key"}, {"name", *name}}};
  if (const auto use = check_use(*call.entry); !use) return use.error();
  auto key = state.keys.public_key(*call.entry);
  if (!key) return key.error();
  call.key = std::move(*key);
  auto content = UnsignedCertificate::build(call.spec, *call.key);
  if (!content) return content.error();
  call.content = std::move(*content);
  return call;
}

PolicyRequest certificate_request(const IssueCall& call, const Identity& identity) {
  PolicyRequest request = policy_request(identity, Action::IssueCertificate);
  request.key = policy_key(*call.entry);
  request.key->uses = {std::string(kUse)};
  request.token = policy_token(*call.entry);
  if (call.spec.validity) request.expires = call.spec.validity->not_after;
  return request;
}

boost::json::array texts(const auto& values) {
  boost::json::array array;
  for (const auto& value : values) array.emplace_back(to_string(value));
  return array;
}

std::string name_lines(const CertificateSpec& spec) {
  std::string lines;
  for (const AlternativeName& name : spec.names) lines += "\nName: " + to_string(name);
  for (const KeyPurpose purpose : spec.purposes) lines += "\nFor: " + std::string(to_string(purpose));
  return lines;
}

Confirmation confirmation(const IssueCall& call) {
  Confirmation asked;
  const bool request = call.spec.kind == CertificateKind::Request;
  asked.question =
      (request ? "Sign a request for a certificate of the key " : "Sign a certificate of the key ") +
      call.entry->name + " with itself?";
  asked.details = "Subject: " + subject_text(call.spec.subject);
  if (call.spec.validity)
    asked.details += "\nValid from " + time_text(call.spec.validity->not_before) + " to " +
                     time_text(call.spec.validity->not_after);
  asked.details += name_lines(call.spec);
  return asked;
}

// After a wait: the policy may have changed, or the key have been retired.
Result<void> judge_certificate_again(const ServiceState& state, const IssueCall& parsed,
                                     const Identity& identity, const Verdict& before) {
  auto again = judge_again(state.policy->policy, certificate_request(parsed, identity), before);
  if (!again) return again;
  const KeyBook::Entry entry = state.keys.by_fingerprint(parsed.entry->fingerprint);
  return check_use(entry ? *entry : *parsed.entry);
}

awaitable<Result<Verdict>> authorise_certificate(ServiceState& state, const IssueCall& parsed,
                                                 const Identity& identity) {
  auto verdict = co_await authorise(state, certificate_request(parsed, identity), confirmation(parsed));
  if (!verdict || verdict->needs.confirm == Confirm::None) co_return verdict;
  // A person thought about it.
  const auto again = judge_certificate_again(state, parsed, identity, *verdict);
  if (!again) co_return again.error();
  co_return verdict;
}

boost::json::object intent_body(const IssueCall& call, const Identity& identity) {
  boost::json::object body{{"key", call.entry->fingerprint},
                           {"kind", to_string(call.spec.kind)},
                           {"digest", sha256_hex(call.content->to_be_signed())},
                           {"subject", subject_text(call.spec.subject)},
                           {"names", texts(call.spec.names)},
                           {"purposes", texts(call.spec.purposes)}};
  if (call.spec.validity) {
    body["serial"] = call.content->serial();
    body["notBefore"] = time_text(call.spec.validity->not_before);
    body["notAfter"] = time_text(call.spec.validity->not_after);
  }
  if (identity.token()) body["identity"] = identity.statement();
  return body;
}

// What the call waits for, and what is asked once more when it has waited.
Waiting certificate_waiting(ServiceState& state, EventSink& events, const IssueCall& parsed,
                            const Identity& identity, const Verdict& verdict) {
  boost::json::object empty{{"issued", nullptr}};
  Waiting waiting = waiting_for(identity.peer(), events, std::move(empty));
  waiting.pin_cache = verdict.needs.pin_cache;
  waiting.still_allowed = [&]() -> awaitable<Result<void>> {
    co_return judge_certificate_again(state, parsed, identity, verdict);
  };
  return waiting;
}

awaitable<Result<SignedCertificate>> sign_on_token(ServiceState& state, const IssueCall& call,
                                                   const KeyLocation& location, Waiting waiting) {
  const SignatureScheme scheme = call.content->scheme();
  Bytes input = token_input(scheme, call.content->to_be_signed());
  const auto raw =
      co_await state.tokens.sign(location, token_mechanism(scheme), std::move(input), std::move(waiting));
  if (!raw) co_return raw.error();
  auto made = call.content->finish(raw->signature);
  if (made) co_return std::move(*made);
  state.tokens.distrust(location, raw->place);
  co_return wrong_signature(*call.entry, location.place(raw->place));
}

boost::json::value or_null(std::optional<std::string> text) {
  return text ? boost::json::value(*text) : boost::json::value(nullptr);
}

boost::json::object issued_json(const IssueCall& call, const SignedCertificate& made, std::int64_t record) {
  std::optional<std::string> serial, begin, end;
  if (call.spec.validity) {
    serial = call.content->serial();
    begin = time_text(call.spec.validity->not_before);
    end = time_text(call.spec.validity->not_after);
  }
  boost::json::object issued{{"kind", to_string(call.spec.kind)},
                             {"pem", made.pem},
                             {"fingerprint", made.fingerprint},
                             {"subject", subject_text(call.spec.subject)},
                             {"serial", or_null(std::move(serial))},
                             {"notBefore", or_null(std::move(begin))},
                             {"notAfter", or_null(std::move(end))},
                             {"notary", nullptr},
                             {"notaryKeyid", nullptr},
                             {"record", record}};
  if (call.spec.kind == CertificateKind::Request) return issued;
  if (auto object = notary_certificate_object(*call.key, made.pem)) {
    issued["notaryKeyid"] = notary_certificate_keyid(*object);
    issued["notary"] = std::move(*object);
  }
  return issued;
}

awaitable<Result<std::int64_t>> record_outcome(Ledger& ledger, std::int64_t intent,
                                               Result<SignedCertificate> made, Requester who) {
  boost::json::object body{{"intent", intent}};
  body["outcome"] = made ? std::string("signed") : std::string(short_name(made.error().name));
  if (made) body["certificate"] = made->fingerprint;
  boost::json::object detail;
  co_return co_await ledger.record("certificate-outcome", std::move(body), std::move(detail), who);
}

awaitable<Reply> issue_certificate(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto parsed = parse_call(state, call.parameters);
  if (!parsed) co_return parsed.error();
  const auto identity = co_await identify(state, call, std::nullopt);
  if (!identity) co_return identity.error();
  const auto allowed = co_await authorise_certificate(state, *parsed, *identity);
  if (!allowed) co_return allowed.error();
  if (const auto spent = co_await state.identification.spend(*identity); !spent) co_return spent.error();
  const Requester who = requester(call.peer);
  boost::json::object body = intent_body(*parsed, *identity), detail;
  const auto intent =
      co_await (*ledger)->record("certificate-intent", std::move(body), std::move(detail), who);
  if (!intent) co_return intent.error();
  Waiting waiting = certificate_waiting(state, call.events, *parsed, *identity, *allowed);
  const KeyLocation location = permitted_places(state.policy->policy, certificate_request(*parsed, *identity),
                                                *allowed, key_location(*parsed->entry, *parsed->key));
  const auto made = co_await sign_on_token(state, *parsed, location, std::move(waiting));
  const auto outcome = co_await record_outcome(**ledger, *intent, made, who);
  if (!made) {
    if (!outcome) spdlog::error("The outcome of a certificate was not recorded: {}", outcome.error().message);
    co_return made.error();
  }
  // The certificate would otherwise leave without the record that names it.
  if (!outcome) co_return outcome.error();
  boost::json::object reply{{"issued", issued_json(*parsed, *made, *outcome)}, {"event", nullptr}};
  co_return reply;
}

}  // namespace

void add_certificate_methods(ServiceState& state, MethodTable& table) {
  Method& method = table["IssueCertificate"];
  method.handler = [&state](Call call) { return issue_certificate(state, call); };
  method.allow_more = true;
}

}  // namespace signet
