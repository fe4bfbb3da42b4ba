#include "agent/service/metadata_consent.h"

#include <boost/json/array.hpp>

#include "agent/service/approval_desk.h"
#include "agent/service/authorisation.h"

namespace signet {
namespace {

using boost::asio::awaitable;

Confirmation confirmation(const ServiceState& state, const ReadyPlan& ready) {
  Confirmation asked;
  asked.question = "Sign " + difference_title(ready.plan.difference) + " of " + ready.plan.repository + "?";
  asked.details = difference_text(ready.plan.difference, text_options(state));
  return asked;
}

// What the person agrees to.
std::string shown_text(const Confirmation& asked) {
  return asked.question + "\n" + asked.details;
}

// Whoever agreed to one difference has not agreed to another, not even for the same bytes: what was to be a
// new version may replace one by now.
bool has_agreement(const ServiceState& state, const ReadyPlan& ready,
                   const std::optional<std::string>& agreed_to) {
  return agreed_to && *agreed_to == shown_text(confirmation(state, ready));
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

// What the policy allows now may be another thing than what was asked for.
Error changed_meanwhile(const std::string& rule, const std::string& what) {
  boost::json::object parameters{{"rule", rule}};
  return {ErrorName::PolicyDenied,
          "While the token was waited for, things changed: the rule \"" + rule + "\" " + what +
              ". Nothing was signed. Ask again.",
          std::move(parameters)};
}

bool is_signer(const Signer& one, const Signer& other) {
  return one.enrolled.fingerprint == other.enrolled.fingerprint;
}

Result<void> check_signer(const ReadyPlan& now, const Signer& signer) {
  for (const Signer& one : now.plan.selection.signers)
    if (is_signer(one, signer)) return {};
  for (const RefusedSigner& refused : now.permission.refused)
    if (is_signer(refused.signer, signer)) return refused.why;
  return Error{ErrorName::KeyRefused,
               "While its token was waited for, the key " + signer.enrolled.name +
                   " ceased to be one that signs this: it was retired, or the role has other keys now.",
               {{"key", signer.enrolled.name}, {"why", "not-in-role"}}};
}

}  // namespace

DifferenceTextOptions text_options(const ServiceState& state) {
  DifferenceTextOptions options;
  options.name = [&state](const KeyMention& mention) -> std::string {
    const KeyBook::Entry key = state.keys.by_fingerprint(mention.fingerprint);
    return key ? key->name + " on " + key->token_label : "";
  };
  return options;
}

awaitable<Result<ReadyPlan>> prepare_metadata(ServiceState& state, Ledger& ledger,
                                              const SignMetadataCall& call, const Identity& identity) {
  ReadyPlan ready;
  auto plan = co_await plan_metadata(state, ledger, call);
  if (!plan) co_return plan.error();
  ready.plan = std::move(*plan);
  const LoadedPolicyPtr policy = state.policy;
  const PolicyIdentity who = policy_identity(identity);
  const auto judge = [&] { return judge_metadata(policy->policy, call, ready.plan, who, now_seconds()); };
  ready.judged_at = std::chrono::steady_clock::now();
  auto permission = co_await state.bench.run(bytes_of(call, ready.plan), judge);
  if (!permission) co_return permission.error();
  ready.permission = std::move(*permission);
  ready.reserve = reserve_request(call, ready.plan, identity.peer());
  ready.reserve.shared_keys = ready.permission.shared_keys;
  ready.reserve.rate = ready.permission.rate(policy->policy);
  const auto rules = ready.permission.rules();
  ready.reserve.statement["rules"] = boost::json::array(rules.begin(), rules.end());
  if (identity.token()) ready.reserve.statement["identity"] = identity.statement();
  ready.reserve.statement["difference"] = difference_line(ready.plan.difference, text_options(state));
  co_return ready;
}

// Goes on asking until nothing is left to ask for, each time judged anew: minutes may pass while a person
// thinks, and what counts is the policy, the keys and the marks as they are when the token is asked.
awaitable<Result<ReadyPlan>> ask_for_metadata(ServiceState& state, Ledger& ledger,
                                              const SignMetadataCall& request, const Identity& identity,
                                              const Call& call) {
  std::optional<std::string> agreed_to;
  for (;;) {
    auto ready = co_await prepare_metadata(state, ledger, request, identity);
    if (!ready) co_return ready.error();
    ready->agreed_to = agreed_to;
    const Verdict* const person = ready->permission.needs_person();
    const bool ask_person = person != nullptr && !has_agreement(state, *ready, agreed_to);
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
    Confirmation asked = confirmation(state, *ready);
    asked.footer = "Asked for by " + describe_caller(policy_identity(identity)) + ".";  // looks the name up
    std::string shown = shown_text(asked);
    co_await tell(call, "confirm", "The agent asks a person on its own screen to agree.");
    const auto agreed = co_await confirm(state, *person, std::move(asked));
    if (!agreed) co_return agreed.error();
    agreed_to = std::move(shown);
  }
}

awaitable<Result<void>> judge_metadata_again(ServiceState& state, Ledger& ledger,
                                             const SignMetadataCall& call, const Identity& identity,
                                             const ReadyPlan& ready, const Signer& signer) {
  const auto now = co_await prepare_metadata(state, ledger, call, identity);
  if (!now) co_return now.error();
  if (const auto signs = check_signer(*now, signer); !signs) co_return signs.error();
  const Verdict* const person = now->permission.needs_person();
  if (person != nullptr && !has_agreement(state, *now, ready.agreed_to))
    co_return changed_meanwhile(person->rule, "asks for a person's agreement to what changes now");
  auto verdicts = now->permission.needs_approvals();
  if (verdicts.empty()) co_return Result<void>();
  if (ready.reserve.approval_request.empty())
    co_return changed_meanwhile(verdicts.front().rule, "asks for approvals now");
  std::string id = ready.reserve.approval_request;
  auto request = co_await ledger.request(std::move(id), false);
  if (!request) co_return request.error();
  const auto standing = count_standing(state.policy->policy, verdicts, std::move(*request));
  if (!standing) co_return standing.error();
  if (!standing->approved()) co_return approval_required(*standing);
  co_return Result<void>();
}

}  // namespace signet
