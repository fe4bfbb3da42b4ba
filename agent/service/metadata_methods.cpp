// SignMetadata: read, decide, write down, sign, verify, write down, reply.
#include <spdlog/spdlog.h>

#include <boost/json/array.hpp>

#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/replies.h"
#include "agent/service/repository_view.h"
#include "agent/service/token_signing.h"
#include "agent/signing/signer_selection.h"
#include "agent/signing/signing_rule.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

struct SignMetadataCall {
  std::string repository, role, text;
  MetadataFormat format = MetadataFormat::Tuf;
  std::vector<std::string> keys;
  bool dry_run = false, supersede = false, accept_lower_threshold = false;
};

Result<SignMetadataCall> parse_call(const boost::json::object& parameters) {
  SignMetadataCall call;
  for (auto [name, target] :
       {std::pair{"repository", &call.repository}, {"role", &call.role}, {"signed", &call.text}}) {
    auto text = text_parameter(parameters, name);
    if (!text) return text.error();
    *target = std::move(*text);
  }
  for (auto [name, target] : {std::pair{"dryRun", &call.dry_run},
                              {"supersede", &call.supersede},
                              {"acceptLowerThreshold", &call.accept_lower_threshold}}) {
    const auto flag = flag_parameter(parameters, name);
    if (!flag) return flag.error();
    *target = *flag;
  }
  auto keys = text_list(parameters, "keys");
  if (!keys) return keys.error();
  call.keys = std::move(*keys);
  const auto format_name = text_parameter(parameters, "format");
  if (!format_name) return format_name.error();
  const auto format = parse_metadata_format(*format_name);
  if (!format) return invalid_parameter("format", "The format is tuf or notary.");
  call.format = *format;
  return call;
}

// A call that passed every check that needs no version mark.
struct Plan {
  SignMetadataCall call;
  Signed candidate;
  SigningDecision decision;
  SignerSelection selection;
  ReserveRequest reserve;
};

ReserveRequest reserve_request(const ServiceState& state, const Plan& plan, const std::string& repository,
                               Peer peer) {
  ReserveRequest request;
  request.repository = repository;
  request.role = plan.call.role;
  request.type = to_string(plan.candidate.type);
  request.version = plan.candidate.version;
  request.payload = plan.call.text;
  request.digest = sha256_hex(as_bytes(plan.call.text));
  for (const Signer& signer : plan.selection.signers)
    request.fingerprints.push_back(signer.enrolled.fingerprint);
  for (const std::string& name : state.settings.shared_keys)
    if (const KeyBook::Entry key = state.keys.find(name)) request.shared_keys.push_back(key->fingerprint);
  request.supersede = plan.call.supersede;
  request.requester = requester(peer);
  if (!plan.decision.lowered.empty())
    request.statement["thresholdsLowered"] =
        boost::json::array(plan.decision.lowered.begin(), plan.decision.lowered.end());
  return request;
}

// Reads the metadata and decides who signs it: everything before the version marks.
awaitable<Result<Plan>> make_plan(ServiceState& state, Ledger& ledger, SignMetadataCall call, Peer peer) {
  const auto view = co_await load_repository(state, ledger, call.repository);
  if (!view) co_return view.error();
  if (const auto named = check_role_name(call.role, call.format); !named) co_return named.error();
  if (call.format != view->row.format)
    co_return Error{ErrorName::MetadataInvalid,
                    "The repository " + view->row.name + " holds " +
                        std::string(to_string(view->row.format)) + " metadata, not " +
                        std::string(to_string(call.format)) + ".",
                    {{"where", ""}, {"why", "format"}}};
  auto candidate = parse_signed(call.text, call.format);
  if (!candidate) co_return candidate.error();
  const auto delegator = co_await find_delegator(state, ledger, *view, call.role);
  if (!delegator) co_return delegator.error();
  std::shared_ptr<const MetadataFile> observed;
  if (call.role != "root") {
    auto loaded = co_await load_observed(state, ledger, *view, call.role);
    if (!loaded) co_return loaded.error();
    observed = std::move(*loaded);
  }

  SigningContext context;
  context.repository = view->row.name;
  context.format = view->row.format;
  context.trusted_root = view->root ? &view->root->content : nullptr;
  context.trusted_root_digest = view->row.root ? view->row.root->digest : "";
  context.delegator = delegator->file ? &delegator->file->content : nullptr;
  context.delegator_role = delegator->role;
  context.observed = observed ? &observed->content : nullptr;
  context.now = now_seconds();
  SigningAsk ask;
  ask.role = call.role;
  ask.candidate = &*candidate;
  ask.digest = sha256_hex(as_bytes(call.text));
  ask.accept_lower_threshold = call.accept_lower_threshold;
  auto decision = decide_signing(context, ask);
  if (!decision) co_return decision.error();

  const auto by_fingerprint = [&state](const std::string& f) { return state.keys.by_fingerprint(f).get(); };
  const auto by_name = [&state](const std::string& n) { return state.keys.find(n).get(); };
  auto selection = select_signers(*decision, call.role, call.keys, by_fingerprint, by_name);
  if (!selection) co_return selection.error();
  Plan plan;
  plan.call = std::move(call);
  plan.candidate = std::move(*candidate);
  plan.decision = std::move(*decision);
  plan.selection = std::move(*selection);
  plan.reserve = reserve_request(state, plan, view->row.name, peer);
  co_return plan;
}

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

boost::json::object reply_json(const Plan& plan, boost::json::array results,
                               const std::vector<boost::json::object>& earlier) {
  for (const AbsentSigner& absent : plan.selection.absent) {
    auto result = result_json(std::nullopt, absent.keyid, "missing");
    result["hint"] = absent.hint;
    results.push_back(std::move(result));
  }
  const auto& warnings = plan.decision.warnings;
  boost::json::object result{{"digest", plan.reserve.digest},
                             {"version", plan.candidate.version},
                             {"results", std::move(results)},
                             {"earlier", boost::json::array(earlier.begin(), earlier.end())},
                             {"warnings", boost::json::array(warnings.begin(), warnings.end())},
                             {"record", nullptr}};
  return {{"result", std::move(result)}, {"event", nullptr}};
}

// One key's signature over the metadata, verified, as it goes into "signatures".
awaitable<Result<boost::json::object>> sign_with(ServiceState& state, const Plan& plan, const Signer& signer,
                                                 Waiting waiting) {
  const SignatureScheme scheme = metadata_scheme(signer.key.algorithm(), plan.call.format);
  const BytesView message = as_bytes(plan.call.text);
  const KeyLocation location = key_location(signer.enrolled, signer.key);
  auto raw = co_await state.tokens.sign(location, token_mechanism(scheme), token_input(scheme, message),
                                        std::move(waiting));
  if (!raw) co_return raw.error();
  if (!verify_token_signature(signer.key, scheme, message, raw->signature)) {
    state.tokens.distrust(location);
    co_return wrong_signature(signer.enrolled);
  }
  co_return metadata_signature_object(signer.key, signer.keyid, plan.call.format, raw->signature);
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
Waiting waiting_for_signer(const Plan& plan, EventSink& events) {
  if (plan.call.keys.empty() && plan.selection.signers.size() > 1) return {};
  return waiting_for(events, {{"result", nullptr}});
}

// Reserve (durable), sign, release (durable): only then does a signature leave.
awaitable<Reply> sign_plan(ServiceState& state, Ledger& ledger, Plan plan, EventSink& events) {
  ReserveRequest request = plan.reserve;
  const auto reservation = co_await ledger.reserve(std::move(request));
  if (!reservation) co_return reservation.error();
  Signatures signatures;
  // One after the other: a person touches one token at a time.
  for (const Signer& signer : plan.selection.signers) {
    Waiting waiting = waiting_for_signer(plan, events);
    auto signature = co_await sign_with(state, plan, signer, std::move(waiting));
    note(signatures, signer, std::move(signature));
  }
  const bool any = signatures.any;
  const auto released = co_await ledger.finish(reservation->id, std::move(signatures.outcomes));
  if (!released) co_return released.error();
  if (!any) co_return *signatures.first_error;
  auto reply = reply_json(plan, std::move(signatures.results), reservation->signatures);
  reply.at("result").as_object()["record"] = *released;
  co_return reply;
}

awaitable<Reply> check_plan(Ledger& ledger, Plan plan) {
  ReserveRequest request = plan.reserve;
  const auto allowed = co_await ledger.check(std::move(request));
  if (!allowed) co_return allowed.error();
  boost::json::array results;
  for (const Signer& signer : plan.selection.signers)
    results.push_back(result_json(signer.enrolled.name, signer.keyid, "would_sign"));
  co_return reply_json(plan, std::move(results), allowed->signatures);
}

awaitable<Reply> sign_metadata(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  auto parsed = parse_call(call.parameters);
  if (!parsed) co_return parsed.error();
  auto plan = co_await make_plan(state, **ledger, std::move(*parsed), call.peer);
  if (!plan) co_return plan.error();
  if (plan->call.dry_run) co_return co_await check_plan(**ledger, std::move(*plan));
  co_return co_await sign_plan(state, **ledger, std::move(*plan), call.events);
}

}  // namespace

void add_metadata_methods(ServiceState& state, MethodTable& table) {
  Method& method = table["SignMetadata"];
  method.handler = [&state](Call call) { return sign_metadata(state, call); };
  method.allow_more = true;
}

}  // namespace signet
