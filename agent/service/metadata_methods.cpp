// SignMetadata: read, decide, ask whom the policy says, write down, sign, verify, write down, reply.
#include <boost/json/array.hpp>

#include "agent/service/authorisation.h"
#include "agent/service/metadata_consent.h"
#include "agent/service/methods.h"
#include "agent/service/replies.h"
#include "agent/service/token_signing.h"
#include "protocol/difference_text.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

// ---- the reply ----

boost::json::object result_json(const std::optional<std::string>& key, const std::string& keyid,
                                std::string_view status) {
  boost::json::object result{{"key", nullptr},       {"keyid", keyid},  {"status", status},
                             {"signature", nullptr}, {"hint", nullptr}, {"fault", nullptr}};
  if (key) result["key"] = *key;
  return result;
}

boost::json::object failed_json(const Signer& signer, const Error& error) {
  const bool missing = error.name == ErrorName::TokenAbsent;
  auto result = result_json(signer.enrolled.name, signer.keyid, missing ? "missing" : "failed");
  result["fault"] = fault_json(error);
  result["hint"] = error.message;
  return result;
}

boost::json::object reply_json(const ServiceState& state, const ReadyPlan& ready, boost::json::array results,
                               const std::vector<boost::json::object>& earlier) {
  for (const RefusedSigner& refused : ready.permission.refused)
    results.push_back(failed_json(refused.signer, refused.why));
  for (const AbsentSigner& absent : ready.plan.selection.absent) {
    auto result = result_json(std::nullopt, absent.keyid, "missing");
    result["hint"] = absent.hint;
    results.push_back(std::move(result));
  }
  const auto& warnings = ready.plan.decision.warnings;
  boost::json::object result{{"digest", ready.plan.digest},
                             {"version", ready.plan.candidate.version},
                             {"results", std::move(results)},
                             {"earlier", boost::json::array(earlier.begin(), earlier.end())},
                             {"warnings", boost::json::array(warnings.begin(), warnings.end())},
                             {"difference", difference_text(ready.plan.difference, text_options(state))},
                             {"record", nullptr}};
  return {{"result", std::move(result)}, {"event", nullptr}};
}

// ---- signing ----

// One key's signature over the metadata, verified, as it goes into "signatures".
awaitable<Result<boost::json::object>> sign_with(ServiceState& state, const SignMetadataCall& call,
                                                 const Signer& signer, Waiting waiting) {
  const SignatureScheme scheme = metadata_scheme(signer.key.algorithm(), call.format);
  const BytesView message = as_bytes(call.text);
  const KeyLocation location = key_location(signer.enrolled, signer.key);
  const auto prepare = [&] { return token_input(scheme, message); };
  Bytes input = co_await state.bench.run(message.size(), prepare);
  auto raw =
      co_await state.tokens.sign(location, token_mechanism(scheme), std::move(input), std::move(waiting));
  if (!raw) co_return raw.error();
  const auto verify = [&] { return verify_token_signature(signer.key, scheme, message, raw->signature); };
  const bool verified = co_await state.bench.run(message.size(), verify);
  if (!verified) {
    state.tokens.distrust(location, raw->place);
    co_return wrong_signature(signer.enrolled, location.place(raw->place));
  }
  co_return metadata_signature_object(signer.key, signer.keyid, call.format, raw->signature);
}

struct Signatures {
  boost::json::array results;
  std::vector<KeyOutcome> outcomes;
  std::optional<Error> first_error;
  bool any = false;
};

void note(Signatures& signatures, const Signer& signer, Result<boost::json::object> signature) {
  KeyOutcome outcome;
  outcome.fingerprint = signer.enrolled.fingerprint;
  if (signature) {
    auto result = result_json(signer.enrolled.name, signer.keyid, "signed");
    result["signature"] = *signature;
    signatures.results.push_back(std::move(result));
    outcome.signature = std::move(*signature);
    signatures.any = true;
  } else {
    const Error error = signature.error();
    outcome.fault = std::string(short_name(error.name)) + ": " + error.message;
    signatures.results.push_back(failed_json(signer, error));
    if (!signatures.first_error) signatures.first_error = error;
  }
  signatures.outcomes.push_back(std::move(outcome));
}

// Who names keys waits for their tokens; who asks for "every key of the role" gets those that are there, and
// the others as "failed".
Waiting waiting_for_signer(const SignMetadataCall& call, const Peer& client, const ReadyPlan& ready,
                           EventSink& events) {
  Waiting waiting = waiting_for(client, events, {{"result", nullptr}});
  if (call.keys.empty() && ready.plan.selection.signers.size() > 1) {
    waiting.tell = nullptr;
    waiting.patience = {};
  }
  return waiting;
}

// One after the other: a person touches one token at a time.
awaitable<Signatures> sign_with_all(ServiceState& state, Ledger& ledger, const SignMetadataCall& call,
                                    const Identity& identity, const ReadyPlan& ready, EventSink& events) {
  Signatures signatures;
  for (const Signer& signer : ready.plan.selection.signers) {
    Waiting waiting = waiting_for_signer(call, identity.peer(), ready, events);
    waiting.judged_at = ready.judged_at;
    waiting.pin_cache = ready.permission.pin_cache();
    waiting.still_allowed = [&] {
      return judge_metadata_again(state, ledger, call, identity, ready, signer);
    };
    auto signature = co_await sign_with(state, call, signer, std::move(waiting));
    note(signatures, signer, std::move(signature));
  }
  co_return signatures;
}

// Reserve (durable), sign, release (durable): only then does a signature leave.
awaitable<Reply> carry_out(ServiceState& state, Ledger& ledger, const SignMetadataCall& call,
                           const Identity& identity, ReadyPlan ready, EventSink& events) {
  ReserveRequest request = ready.reserve;
  const auto reservation = co_await ledger.reserve(std::move(request));
  if (!reservation) co_return reservation.error();
  if (const auto spent = co_await state.identification.spend(identity); !spent) {
    std::vector<KeyOutcome> nothing;
    const auto closed = co_await ledger.finish(reservation->id, std::move(nothing));
    if (!closed) co_return closed.error();
    co_return spent.error();
  }
  Signatures signatures = co_await sign_with_all(state, ledger, call, identity, ready, events);
  const bool any = signatures.any;
  const auto released = co_await ledger.finish(reservation->id, std::move(signatures.outcomes));
  if (!released) co_return released.error();
  if (!any) co_return *signatures.first_error;
  auto reply = reply_json(state, ready, std::move(signatures.results), reservation->signatures);
  reply.at("result").as_object()["record"] = *released;
  co_return reply;
}

awaitable<Reply> try_out(ServiceState& state, Ledger& ledger, const SignMetadataCall& call,
                         const Identity& identity) {
  auto ready = co_await prepare_metadata(state, ledger, call, identity);
  if (!ready) co_return ready.error();
  ReserveRequest request = ready->reserve;
  const auto allowed = co_await ledger.check(std::move(request));
  if (!allowed) co_return allowed.error();
  for (const Verdict& verdict : ready->permission.needs_approvals())
    ready->plan.decision.warnings.push_back("The rule \"" + verdict.rule + "\" asks for " +
                                            std::to_string(verdict.needs.approvals) + " approvals.");
  if (const Verdict* const person = ready->permission.needs_person())
    ready->plan.decision.warnings.push_back("The rule \"" + person->rule +
                                            "\" lets the agent ask its person first.");
  boost::json::array results;
  for (const Signer& signer : ready->plan.selection.signers)
    results.push_back(result_json(signer.enrolled.name, signer.keyid, "would_sign"));
  co_return reply_json(state, *ready, std::move(results), allowed->signatures);
}

awaitable<Reply> sign_metadata(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  auto request = parse_sign_metadata(call.parameters);
  if (!request) co_return request.error();
  const auto hash = [&text = request->text] { return sha256_hex(as_bytes(text)); };
  request->digest = co_await state.bench.run(request->text.size(), hash);
  const auto identity = co_await identify(state, call, request->digest);
  if (!identity) co_return identity.error();
  if (request->dry_run) co_return co_await try_out(state, **ledger, *request, *identity);
  auto ready = co_await ask_for_metadata(state, **ledger, *request, *identity, call);
  if (!ready) co_return ready.error();
  co_return co_await carry_out(state, **ledger, *request, *identity, std::move(*ready), call.events);
}

}  // namespace

void add_metadata_methods(ServiceState& state, MethodTable& table) {
  Method& method = table["SignMetadata"];
  method.handler = [&state](Call call) { return sign_metadata(state, call); };
  method.allow_more = true;
}

}  // namespace signet
