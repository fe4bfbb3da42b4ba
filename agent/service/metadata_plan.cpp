#include "agent/service/metadata_plan.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "agent/service/parameters.h"
#include "agent/service/repository_view.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using FilePointer = std::shared_ptr<const MetadataFile>;

// The repository's side of a plan.
struct Surroundings {
  RepositoryView view;
  Delegator delegator;
  FilePointer observed;  // of the role itself; null for root
};

awaitable<Result<Surroundings>> load_surroundings(ServiceState& state, Ledger& ledger,
                                                  const SignMetadataCall& call) {
  Surroundings around;
  auto view = co_await load_repository(state, ledger, call.repository);
  if (!view) co_return view.error();
  around.view = std::move(*view);
  if (const auto named = check_role_name(call.role, call.format); !named) co_return named.error();
  if (call.format != around.view.row.format)
    co_return Error{ErrorName::MetadataInvalid,
                    "The repository " + around.view.row.name + " holds " +
                        std::string(to_string(around.view.row.format)) + " metadata, not " +
                        std::string(to_string(call.format)) + ".",
                    {{"where", ""}, {"why", "format"}}};
  auto delegator = co_await find_delegator(state, ledger, around.view, call.role);
  if (!delegator) co_return delegator.error();
  around.delegator = std::move(*delegator);
  if (call.role == "root") co_return around;
  auto observed = co_await load_observed(state, ledger, around.view, call.role);
  if (!observed) co_return observed.error();
  around.observed = std::move(*observed);
  co_return around;
}

// What was released or observed last: the newer of the two. What observation went against is not it.
awaitable<Result<FilePointer>> load_previous(ServiceState& state, Ledger& ledger, const Surroundings& around,
                                             const SignMetadataCall& call) {
  const FilePointer observed = call.role == "root" ? around.view.root : around.observed;
  auto released = co_await ledger.last_released(around.view.row.name, call.role);
  if (!released) co_return released.error();
  if (!*released) co_return observed;
  if (observed && observed->content.version >= (*released)->version) co_return observed;
  co_return co_await state.metadata.get_signed((*released)->digest, (*released)->payload,
                                               around.view.row.format);
}

Result<SigningDecision> decide_plan(const Surroundings& around, const SignMetadataCall& call,
                                    const MetadataPlan& plan) {
  SigningContext context;
  context.repository = around.view.row.name;
  context.format = around.view.row.format;
  context.trusted_root = around.view.root ? &around.view.root->content : nullptr;
  context.trusted_root_digest = around.view.row.root ? around.view.row.root->digest : "";
  context.delegator = around.delegator.file ? &around.delegator.file->content : nullptr;
  context.delegator_role = around.delegator.role;
  context.observed = around.observed ? &around.observed->content : nullptr;
  context.now = now_seconds();
  SigningAsk ask;
  ask.role = call.role;
  ask.candidate = &plan.candidate;
  ask.digest = plan.digest;
  ask.accept_lower_threshold = call.accept_lower_threshold;
  return decide_signing(context, ask);
}

Result<SignerSelection> choose_signers(const ServiceState& state, const SignMetadataCall& call,
                                       const SigningDecision& decision) {
  const auto by_fingerprint = [&state](const std::string& f) { return state.keys.by_fingerprint(f).get(); };
  const auto by_name = [&state](const std::string& n) { return state.keys.find(n).get(); };
  return select_signers(decision, call.role, call.keys, by_fingerprint, by_name);
}

bool limits_rate(const Policy& policy) {
  return std::any_of(policy.rules.begin(), policy.rules.end(),
                     [](const PolicyRule& rule) { return rule.limits.versions_per_hour.has_value(); });
}

// The difference says "supersedes" only of what is: the flag alone is a permission that may not be needed.
bool supersedes(const SignMetadataCall& call, const FilePointer& previous, const Signed& candidate) {
  return call.supersede && previous && previous->content.version == candidate.version &&
         previous->canonical != call.text;
}

struct Comparison {
  MetadataDifference difference;
  std::string superseded;
};

Comparison compare_with_previous(const SignMetadataCall& call, const MetadataPlan& plan) {
  const bool replaces = supersedes(call, plan.previous, plan.candidate);
  const Signed* const before = plan.previous ? &plan.previous->content : nullptr;
  Comparison comparison;
  comparison.difference = metadata_difference(call.role, before, plan.candidate, replaces);
  if (replaces) comparison.superseded = sha256_hex(as_bytes(plan.previous->canonical));
  return comparison;
}

}  // namespace

Result<SignMetadataCall> parse_sign_metadata(const boost::json::object& parameters) {
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

awaitable<Result<MetadataPlan>> plan_metadata(ServiceState& state, Ledger& ledger,
                                              const SignMetadataCall& call) {
  auto around = co_await load_surroundings(state, ledger, call);
  if (!around) co_return around.error();
  const auto parse = [&call] { return parse_signed(call.text, call.format); };
  auto candidate = co_await state.bench.run(call.text.size(), parse);
  if (!candidate) co_return candidate.error();
  MetadataPlan plan;
  plan.repository = around->view.row.name;
  plan.candidate = std::move(*candidate);
  plan.digest = call.digest;
  auto decision = decide_plan(*around, call, plan);
  if (!decision) co_return decision.error();
  plan.decision = std::move(*decision);
  auto selection = choose_signers(state, call, plan.decision);
  if (!selection) co_return selection.error();
  plan.selection = std::move(*selection);
  auto previous = co_await load_previous(state, ledger, *around, call);
  if (!previous) co_return previous.error();
  plan.previous = std::move(*previous);
  if (limits_rate(state.policy->policy)) {
    const auto others = co_await ledger.other_versions(plan.repository, call.role, plan.candidate.version,
                                                       std::chrono::hours(1));
    if (!others) co_return others.error();
    plan.other_versions_last_hour = *others;
  }
  const auto compare = [&call, &plan] { return compare_with_previous(call, plan); };
  Comparison comparison = co_await state.bench.run(bytes_of(call, plan), compare);
  plan.difference = std::move(comparison.difference);
  plan.superseded = std::move(comparison.superseded);
  co_return plan;
}

std::size_t bytes_of(const SignMetadataCall& call, const MetadataPlan& plan) {
  return call.text.size() + (plan.previous ? plan.previous->canonical.size() : 0);
}

ReserveRequest reserve_request(const SignMetadataCall& call, const MetadataPlan& plan, const Peer& peer) {
  ReserveRequest request;
  request.repository = plan.repository;
  request.role = call.role;
  request.type = to_string(plan.candidate.type);
  request.version = plan.candidate.version;
  request.payload = call.text;
  request.digest = plan.digest;
  for (const Signer& signer : plan.selection.signers)
    request.fingerprints.push_back(signer.enrolled.fingerprint);
  request.supersede = call.supersede;
  if (call.supersede) request.superseding = plan.superseded;
  request.requester = requester(peer);
  if (!plan.decision.lowered.empty())
    request.statement["thresholdsLowered"] =
        boost::json::array(plan.decision.lowered.begin(), plan.decision.lowered.end());
  return request;
}

}  // namespace signet
