#include "agent/service/authorisation.h"

#include <unistd.h>

#include "agent/policy/accounts.h"
#include "agent/service/key_attestation_record.h"
#include "agent/service/parameters.h"

namespace signet {
namespace {

using boost::asio::awaitable;

Error denied(const std::string& rule, std::string message) {
  boost::json::object parameters{{"rule", rule}};
  return {ErrorName::PolicyDenied, std::move(message), std::move(parameters)};
}

// For whoever is asked whether to enrol the key.
std::string attestation_text(const PolicyKey& key) {
  if (key.to_be_made) return "";
  if (!key.attestation) return "\nNo attestation: what is said of the key is its module's own word.";
  const KeyAttestation& facts = *key.attestation;
  std::string text = "\nAttested: made on a YubiKey";
  if (facts.serial) text += " " + std::to_string(*facts.serial);
  text += ", firmware " + to_string(facts.firmware) + "; touch: " + std::string(to_string(facts.touch)) +
          ", PIN: " + std::string(to_string(facts.pin));
  if (const std::string weakness = known_weakness(facts.firmware, key.algorithm); !weakness.empty())
    text += "\nWARNING: " + weakness;
  return text;
}

}  // namespace

PolicyIdentity policy_identity(const Identity& identity) {
  PolicyIdentity who;
  who.uid = identity.peer().uid;
  who.gid = identity.peer().gid;
  who.groups = identity.peer().groups;
  if (const Claims* claims = identity.claims()) who.claims = PolicyClaims{claims->issuer, claims->all};
  return who;
}

PolicyKey policy_key(const LedgerKey& key) {
  PolicyKey facts;
  facts.name = key.name;
  facts.fingerprint = key.fingerprint;
  // What the ledger holds was a KeyAlgorithm when it was enrolled.
  if (const auto algorithm = parse_key_algorithm(key.algorithm)) facts.algorithm = *algorithm;
  facts.uses = key.uses;
  facts.attestation = attestation_facts(key);
  facts.touch_required = facts.attestation && facts.attestation->touch == TouchPolicy::Always;
  return facts;
}

PolicyToken policy_token(const LedgerKey& key) {
  return {key.token_label, key.token_serial};
}

PolicyToken policy_token(const LedgerKeyLocation& location) {
  return {location.token_label, location.token_serial};
}

PolicyToken policy_token(const TokenDescription& token) {
  return {token.label, token.serial};
}

awaitable<Result<Identity>> identify(ServiceState& state, const Call& call,
                                     std::optional<std::string> payload_digest) {
  auto token = optional_secret(call.parameters, "identity");
  if (!token) co_return token.error();
  co_return co_await state.identification.identify(call.peer, std::move(*token), std::move(payload_digest));
}

PolicyRequest policy_request(const Peer& peer, Action action) {
  return policy_request(Identity(peer), action);
}

PolicyRequest policy_request(const Identity& identity, Action action) {
  PolicyRequest request;
  request.who = policy_identity(identity);
  request.action = action;
  request.now = now_seconds();
  return request;
}

Result<Verdict> judge(const Policy& policy, const PolicyRequest& request) {
  Verdict verdict = decide(policy, request);
  if (!verdict.allowed) return denied(verdict.rule, verdict.sentence);
  return verdict;
}

Result<void> judge_again(const Policy& policy, const PolicyRequest& request, const Verdict& before) {
  const auto verdict = judge(policy, request);
  if (!verdict) return verdict.error();
  const bool was_asked = before.needs.confirm == Confirm::Person;
  if (verdict->needs.approvals > 0 || (verdict->needs.confirm == Confirm::Person && !was_asked))
    return denied(verdict->rule, "Meanwhile the policy has changed: the rule \"" + verdict->rule +
                                     "\" asks for more than was asked for. Nothing was signed. Ask again.");
  return {};
}

bool allowed_alike(const Policy& policy, PolicyRequest request, PolicyToken token, const Verdict& verdict) {
  request.token = std::move(token);
  const Verdict there = decide(policy, request);
  return there.allowed && there.rule == verdict.rule;
}

KeyLocation permitted_places(const Policy& policy, const PolicyRequest& request, const Verdict& verdict,
                             KeyLocation location) {
  std::erase_if(location.also, [&](const KeyPlace& place) {
    PolicyToken token{place.token_label, place.token_serial};
    return !allowed_alike(policy, request, std::move(token), verdict);
  });
  return location;
}

bool allowed_unasked(const Policy& policy, const Peer& peer, Action action) {
  const Verdict verdict = decide(policy, policy_request(peer, action));
  return verdict.allowed && verdict.needs.approvals == 0 && verdict.needs.confirm == Confirm::None;
}

bool is_administrator(const Policy& policy, const Peer& peer) {
  return peer.uid == 0 || peer.uid == ::geteuid() || allowed_unasked(policy, peer, Action::Administer);
}

std::string describe_caller(const PolicyIdentity& who) {
  const std::string uid = "uid " + std::to_string(who.uid);
  const std::string name = account_name(who.uid);
  std::string text = name.empty() ? uid : name + " (" + uid + ")";
  if (who.claims) text += ", as a job of " + who.claims->issuer;
  return text;
}

awaitable<Result<void>> confirm(ServiceState& state, Verdict verdict, Confirmation confirmation) {
  if (verdict.needs.confirm == Confirm::None) co_return Result<void>();
  if (!state.ask_person)
    co_return denied(verdict.rule,
                     "The rule \"" + verdict.rule +
                         "\" asks for a person's agreement, and this agent has no way to ask: install a "
                         "pinentry, or use a policy that does not ask (docs/policy.md).");
  const auto answer = co_await state.ask_person(std::move(confirmation));
  if (answer) co_return Result<void>();
  co_return denied(verdict.rule, "The rule \"" + verdict.rule +
                                     "\" asks for a person's agreement: " + answer.error().message);
}

awaitable<Result<Verdict>> authorise(ServiceState& state, PolicyRequest request, Confirmation confirmation) {
  auto verdict = judge(state.policy->policy, request);
  if (!verdict) co_return verdict.error();
  if (verdict->needs.approvals > 0)
    co_return denied(verdict->rule, "The rule \"" + verdict->rule +
                                        "\" asks for approvals, which cannot be given for " +
                                        std::string(to_string(request.action)) +
                                        ": it allows nothing here. Correct the policy.");
  if (verdict->needs.confirm == Confirm::None) co_return verdict;
  confirmation.footer = "Asked for by " + describe_caller(request.who) + ".";  // asks for the user's name
  const auto agreed = co_await confirm(state, *verdict, std::move(confirmation));
  if (!agreed) co_return agreed.error();
  co_return verdict;
}

awaitable<Result<void>> authorise(ServiceState& state, const Peer& peer, Action action,
                                  std::string question) {
  PolicyRequest request = policy_request(peer, action);
  Confirmation confirmation;
  confirmation.question = std::move(question);
  const auto verdict = co_await authorise(state, std::move(request), std::move(confirmation));
  if (!verdict) co_return verdict.error();
  co_return Result<void>();
}

awaitable<Result<TokenDescription>> authorise_token(ServiceState& state, Peer peer, Action action,
                                                    std::string token, std::string question) {
  auto done =
      co_await authorise_token_act(state, std::move(peer), action, std::move(token), std::move(question));
  if (!done) co_return done.error();
  co_return std::move(done->token);
}

awaitable<Result<AuthorisedToken>> authorise_token_act(ServiceState& state, Peer peer, Action action,
                                                       std::string token, std::string question) {
  auto found = co_await state.tokens.describe(std::move(token));
  if (!found) co_return found.error();
  co_return co_await authorise_known_token(state, std::move(peer), action, std::move(*found),
                                           std::move(question));
}

awaitable<Result<AuthorisedToken>> authorise_known_token(ServiceState& state, Peer peer, Action action,
                                                         TokenDescription token, std::string question) {
  PolicyRequest request = policy_request(peer, action);
  request.token = policy_token(token);
  Confirmation confirmation;
  confirmation.question = std::move(question);
  confirmation.details = "Token: " + token.name + " (serial number " + token.serial + ")";
  auto verdict = co_await authorise(state, std::move(request), std::move(confirmation));
  if (!verdict) co_return verdict.error();
  co_return AuthorisedToken{std::move(token), std::move(*verdict)};
}

awaitable<Result<void>> authorise_key(ServiceState& state, Peer peer, Action action, PolicyKey key,
                                      PolicyToken token, std::string question) {
  PolicyRequest request = policy_request(peer, action);
  Confirmation confirmation;
  confirmation.question = std::move(question);
  confirmation.details = "Algorithm: " + std::string(to_string(key.algorithm)) + "; for:";
  for (const std::string& use : key.uses) confirmation.details += " " + use;
  confirmation.details += "\nToken: " + token.label + " (serial number " + token.serial + ")";
  if (action != Action::Retire) confirmation.details += attestation_text(key);
  request.key = std::move(key);
  request.token = std::move(token);
  const auto verdict = co_await authorise(state, std::move(request), std::move(confirmation));
  if (!verdict) co_return verdict.error();
  co_return Result<void>();
}

awaitable<Result<void>> authorise_repository(ServiceState& state, Peer peer, Action action,
                                             std::string repository, std::string role, std::string question) {
  PolicyRequest request = policy_request(peer, action);
  request.repository = repository;
  request.role = role;
  Confirmation confirmation;
  confirmation.question = std::move(question);
  confirmation.details = "Repository: " + repository + ", role: " + role;
  const auto verdict = co_await authorise(state, std::move(request), std::move(confirmation));
  if (!verdict) co_return verdict.error();
  co_return Result<void>();
}

}  // namespace signet
