// ReadCertificates, StoreCertificate: the certificate objects beside a key on its token.
#include <boost/json/array.hpp>

#include "agent/certificates/certificate_facts.h"
#include "agent/service/authorisation.h"
#include "agent/service/key_rules.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

boost::json::object certificate_json(const CertificateFacts& certificate) {
  return {{"pem", certificate.pem},
          {"fingerprint", certificate.fingerprint},
          {"subject", certificate.subject},
          {"issuer", certificate.issuer},
          {"notBefore", time_text(certificate.not_before)},
          {"notAfter", time_text(certificate.not_after)}};
}

// A key on one of its tokens.
struct PlacedKey {
  KeyBook::Entry entry;
  std::optional<PublicKey> key;
  LedgerKeyLocation place;
};

Result<PlacedKey> placed_key(ServiceState& state, const boost::json::object& parameters) {
  PlacedKey found;
  const auto name = text_parameter(parameters, "key");
  if (!name) return name.error();
  const auto token = optional_text(parameters, "token");
  if (!token) return token.error();
  found.entry = state.keys.find(*name);
  if (!found.entry) return key_not_found(*name);
  auto key = state.keys.public_key(*found.entry);
  if (!key) return key.error();
  found.key = std::move(*key);
  found.place = first_location(*found.entry);
  if (!token->has_value()) return found;
  auto place = named_location(*found.entry, **token);
  if (!place) return place.error();
  found.place = std::move(*place);
  return found;
}

awaitable<Reply> read_certificates(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto placed = placed_key(state, call.parameters);
  if (!placed) co_return placed.error();
  const auto objects = co_await state.tokens.read_certificates(placed->place.uri);
  if (!objects) co_return objects.error();
  boost::json::array certificates;
  for (const Bytes& der : *objects)
    if (const auto certificate = read_certificate(der); certificate && certificate->key == *placed->key)
      certificates.push_back(certificate_json(*certificate));
  boost::json::object reply{{"certificates", std::move(certificates)}};
  co_return reply;
}

struct StoreCall {
  PlacedKey placed;
  std::optional<CertificateFacts> facts;
  StoreCertificateRequest request;
};

Result<void> read_certificate_parameter(const boost::json::object& parameters, StoreCall& call) {
  const auto pem = text_parameter(parameters, "certificate");
  if (!pem) return pem.error();
  auto der = certificate_from_pem(*pem);
  if (!der) return der.error();
  call.facts = read_certificate(*der);
  const std::string& name = call.placed.entry->name;
  if (!call.facts)
    return invalid_parameter("certificate",
                             "This is no X.509 certificate, or one over a key that cannot be " + name + ".");
  if (!(call.facts->key == *call.placed.key))
    return invalid_parameter("certificate", "This is a certificate over another public key than that of " +
                                                name +
                                                ". Request one of this key: signet key certificate "
                                                "request.");
  call.request.der = std::move(*der);
  return {};
}

Result<StoreCall> parse_store(ServiceState& state, const boost::json::object& parameters) {
  StoreCall call;
  auto placed = placed_key(state, parameters);
  if (!placed) return placed.error();
  call.placed = std::move(*placed);
  if (auto read = read_certificate_parameter(parameters, call); !read) return read.error();
  const auto replace = flag_parameter(parameters, "replace");
  if (!replace) return replace.error();
  auto pin = optional_secret(parameters, "pin");
  if (!pin) return pin.error();
  auto so_pin = optional_secret(parameters, "soPin");
  if (!so_pin) return so_pin.error();
  if (*pin && *so_pin) return invalid_parameter("soPin", "Give the PIN or the SO PIN, not both.");
  call.request.key = call.placed.entry->name;
  call.request.uri = call.placed.place.uri;
  call.request.replace = *replace;
  call.request.pin = std::move(*pin);
  call.request.so_pin = std::move(*so_pin);
  return call;
}

PolicyRequest store_question(const StoreCall& store, const Peer& peer) {
  PolicyRequest request = policy_request(peer, Action::StoreCertificate);
  request.key = policy_key(*store.placed.entry);
  request.token = policy_token(store.placed.place);
  request.expires = store.facts->not_after;
  return request;
}

Confirmation confirmation(const StoreCall& store) {
  Confirmation asked;
  asked.question = "Write a certificate of the key " + store.placed.entry->name + " to its token?";
  asked.details = "Subject: " + store.facts->subject + "\nIssuer: " + store.facts->issuer + "\nValid from " +
                  time_text(store.facts->not_before) + " to " + time_text(store.facts->not_after) +
                  "\nToken: " + store.placed.place.token_label + " (serial number " +
                  store.placed.place.token_serial + ")";
  if (store.request.replace) asked.details += "\nA certificate that is there already is lost.";
  return asked;
}

awaitable<Result<void>> authorise_store(ServiceState& state, const StoreCall& store, Peer peer) {
  const auto verdict = co_await authorise(state, store_question(store, peer), confirmation(store));
  if (!verdict) co_return verdict.error();
  if (verdict->needs.confirm == Confirm::None) co_return Result<void>();
  // A person thought about it: the policy may have changed.
  co_return judge_again(state.policy->policy, store_question(store, peer), *verdict);
}

awaitable<Reply> store_certificate(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  auto store = parse_store(state, call.parameters);
  if (!store) co_return store.error();
  const auto allowed = co_await authorise_store(state, *store, call.peer);
  if (!allowed) co_return allowed.error();
  const auto stored = co_await state.tokens.store_certificate(std::move(store->request));
  if (!stored) co_return stored.error();
  // Where this fails the caller is told, and calls again: the same certificate is then written once, and
  // recorded.
  boost::json::object body{{"key", store->placed.entry->fingerprint},
                           {"certificate", store->facts->fingerprint},
                           {"replaced", stored->replaced}};
  boost::json::object detail{{"token", store->placed.place.token_label},
                             {"serial", store->placed.place.token_serial}};
  const Requester who = requester(call.peer);
  const auto recorded =
      co_await (*ledger)->record("certificate-store", std::move(body), std::move(detail), who);
  if (!recorded) co_return recorded.error();
  boost::json::object reply{{"certificate", certificate_json(*store->facts)},
                            {"replaced", stored->replaced},
                            {"record", *recorded}};
  co_return reply;
}

}  // namespace

void add_token_certificate_methods(ServiceState& state, MethodTable& table) {
  table["ReadCertificates"].handler = [&state](Call call) { return read_certificates(state, call); };
  table["StoreCertificate"].handler = [&state](Call call) { return store_certificate(state, call); };
}

}  // namespace signet
