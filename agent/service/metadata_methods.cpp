// SignMetadata: read, decide, ask whom the policy says, write down, sign, verify, write down, reply.
#include <boost/json/array.hpp>

#include "agent/service/approval_desk.h"
#include "agent/service/authorisation.h"
#include "agent/service/metadata_permission.h"
#include "agent/service/metadata_plan.h"
#include "agent/service/methods.h"
#include "agent/service/replies.h"
#include "agent/service/token_signing.h"
#include "protocol/difference_text.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

// A plan that may be carried out now.
struct ReadyPlan {
  MetadataPlan plan;
  MetadataPermission permission;
  ReserveRequest reserve;
};

DifferenceTextOptions text_options(const ServiceState& state) {
  DifferenceTextOptions options;
  options.name = [&state](const KeyMention& mention) -> std::string {
    const KeyBook::Entry key = state.keys.by_fingerprint(mention.fingerprint);
    return key ? key->name + " on " + key->token_label : "";
  };
  return options;
}

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

// ---- whom the policy says to ask ----

// Read, judged, and held against the version marks, as everything is now.
awaitable<Result<ReadyPlan>> prepare(ServiceState& state, Ledger& ledger, const SignMetadataCall& call,
                                     const Identity& identity) {
  ReadyPlan ready;
  auto plan = co_await plan_metadata(state, ledger, call);
  if (!plan) co_return plan.error();
  ready.plan = std::move(*plan);
  auto permission =
      judge_metadata(state.policy->policy, call, ready.plan, policy_identity(identity), now_seconds());
  if (!permission) co_return permission.error();
  ready.permission = std::move(*permission);
  ready.reserve = reserve_request(call, ready.plan, identity.peer());
  ready.reserve.shared_keys = ready.permission.shared_keys;
  ready.reserve.rate = ready.permission.rate(state.policy->policy);
  const auto rules = ready.permission.rules();
  ready.reserve.statement["rules"] = boost::json::array(rules.begin(), rules.end());
  if (identity.token()) ready.reserve.statement["identity"] = identity.statement();
  ready.reserve.statement["difference"] = difference_line(ready.plan.difference, text_options(state));
  co_return ready;
}

Confirmation confirmation(const ServiceState& state, const ReadyPlan& ready, const PolicyIdentity& who) {
  Confirmation asked;
  asked.question = "Sign " + difference_title(ready.plan.difference) + " of " + ready.plan.repository + "?";
  asked.details = difference_text(ready.plan.difference, text_options(state));
  asked.footer = "Asked for by " + describe_caller(who) + ".";
  return asked;
}

awaitable<void> tell(const Call& call, std::string_view kind, std::string message) {
  if (!call.events.wanted()) co_return;
  boost::json::object event{
      {"kind", kind}, {"token", nullptr}, {"serial", nullptr}, {"key", nullptr}, {"message", message}};
  boost::json::object parameters{{"result", nullptr}, {"event", std::move(event)}};
  co_await call.events.send(std::move(parameters));
}

ApprovalAsk approval_ask(const ServiceState& state, const SignMetadataCall& call, const ReadyPlan& ready,
                         const Identity& identity, std::vector<Verdict> verdicts) {
  ApprovalAsk ask;
  ask.document.repository = ready.plan.repository;
  ask.document.role = call.role;
  ask.document.format = call.format;
  ask.document.version = ready.plan.candidate.version;
  ask.document.digest = ready.plan.digest;
  ask.document.keys = ready.reserve.fingerprints;
  ask.document.supersede = call.supersede;
  ask.document.requester = identity.peer().uid;
  ask.payload = call.text;
  ask.verdicts = std::move(verdicts);
  ask.summary = difference_line(ready.plan.difference, text_options(state));
  ask.difference = difference_json(ready.plan.difference, text_options(state));
  return ask;
}

// How often a call that waits for approvals looks whether its client is still there.
constexpr std::chrono::seconds kClientLook{2};

// Until something about any request has changed, or the client has left.
awaitable<void> wait_for_change(ServiceState& state, const Call& call, std::uint64_t seen) {
  while (state.approval_watch.changes() == seen && !call.events.over())
    co_await state.approval_watch.wait(seen, kClientLook);
}

// The request that is approved; or nothing, after a wait, when everything has to be judged anew.
awaitable<Result<std::optional<std::string>>> ask_for_approvals(ServiceState& state, Ledger& ledger,
                                                                const SignMetadataCall& request,
                                                                const Identity& identity,
                                                                const ReadyPlan& ready, const Call& call) {
  const std::uint64_t seen = state.approval_watch.changes();
  auto verdicts = ready.permission.needs_approvals();
  ApprovalAsk ask = approval_ask(state, request, ready, identity, std::move(verdicts));
  const Requester who = requester(call.peer);
  const LoadedPolicyPtr policy = state.policy;
  const auto standing = co_await stand_for_approval(ledger, policy, std::move(ask), who);
  if (!standing) co_return standing.error();
  if (standing->approved()) co_return std::optional<std::string>(standing->request.request.id);
  if (!call.events.wanted() || call.events.over()) co_return approval_required(*standing);
  boost::json::object event = approval_event(*standing);
  boost::json::object parameters{{"result", nullptr}, {"event", std::move(event)}};
  co_await call.events.send(std::move(parameters));
  co_await wait_for_change(state, call, seen);
  co_return std::optional<std::string>();
}

// Goes on asking until nothing is left to ask for, each time judged anew: minutes may pass while a person
// thinks, and what counts is the policy, the keys and the marks as they are when the token is asked.
awaitable<Result<ReadyPlan>> prepare_and_ask(ServiceState& state, Ledger& ledger,
                                             const SignMetadataCall& request, const Identity& identity,
                                             const Call& call) {
  bool person_agreed = false;
  for (;;) {
    auto ready = co_await prepare(state, ledger, request, identity);
    if (!ready) co_return ready.error();
    const Verdict* const person = ready->permission.needs_person();
    const bool ask_person = person != nullptr && !person_agreed;
    const bool ask_others = !ready->permission.needs_approvals().empty();
    if (!ask_person && !ask_others) co_return ready;
    // Nobody is asked for what the marks would refuse anyway.
    ReserveRequest reserve = ready->reserve;
    const auto free = co_await ledger.check(std::move(reserve));
    if (!free) co_return free.error();
    if (ask_others) {
      auto approved = co_await ask_for_approvals(state, ledger, request, identity, *ready, call);
      if (!approved) co_return approved.error();
      if (!*approved) continue;
      ready->reserve.approval_request = std::move(**approved);
    }
    if (!ask_person) co_return ready;
    Confirmation asked = confirmation(state, *ready, policy_identity(identity));
    co_await tell(call, "confirm", "The agent asks a person on its own screen to agree.");
    const auto agreed = co_await confirm(state, *person, std::move(asked));
    if (!agreed) co_return agreed.error();
    person_agreed = true;
  }
}

// ---- signing ----

// One key's signature over the metadata, verified, as it goes into "signatures".
awaitable<Result<boost::json::object>> sign_with(ServiceState& state, const SignMetadataCall& call,
                                                 const Signer& signer, Waiting waiting) {
  const SignatureScheme scheme = metadata_scheme(signer.key.algorithm(), call.format);
  const BytesView message = as_bytes(call.text);
  const KeyLocation location = key_location(signer.enrolled, signer.key);
  auto raw = co_await state.tokens.sign(location, token_mechanism(scheme), token_input(scheme, message),
                                        std::move(waiting));
  if (!raw) co_return raw.error();
  if (!verify_token_signature(signer.key, scheme, message, raw->signature)) {
    state.tokens.distrust(location);
    co_return wrong_signature(signer.enrolled);
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
Waiting waiting_for_signer(const SignMetadataCall& call, const ReadyPlan& ready, EventSink& events) {
  if (call.keys.empty() && ready.plan.selection.signers.size() > 1) return {};
  return waiting_for(events, {{"result", nullptr}});
}

// Reserve (durable), sign, release (durable): only then does a signature leave.
awaitable<Reply> carry_out(ServiceState& state, Ledger& ledger, const SignMetadataCall& call,
                           const Identity& identity, ReadyPlan ready, EventSink& events) {
  ReserveRequest request = ready.reserve;
  const auto reservation = co_await ledger.reserve(std::move(request));
  if (!reservation) co_return reservation.error();
  Signatures signatures;
  if (const auto spent = co_await state.identification.spend(identity); !spent) {
    const auto closed = co_await ledger.finish(reservation->id, std::move(signatures.outcomes));
    if (!closed) co_return closed.error();
    co_return spent.error();
  }
  // One after the other: a person touches one token at a time.
  for (const Signer& signer : ready.plan.selection.signers) {
    Waiting waiting = waiting_for_signer(call, ready, events);
    auto signature = co_await sign_with(state, call, signer, std::move(waiting));
    note(signatures, signer, std::move(signature));
  }
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
  auto ready = co_await prepare(state, ledger, call, identity);
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
  const auto request = parse_sign_metadata(call.parameters);
  if (!request) co_return request.error();
  const auto identity = co_await identify(state, call, sha256_hex(as_bytes(request->text)));
  if (!identity) co_return identity.error();
  if (request->dry_run) co_return co_await try_out(state, **ledger, *request, *identity);
  auto ready = co_await prepare_and_ask(state, **ledger, *request, *identity, call);
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
