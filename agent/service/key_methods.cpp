#include <algorithm>
#include <boost/json/array.hpp>

#include "agent/service/attesting.h"
#include "agent/service/authorisation.h"
#include "agent/service/key_attestation_record.h"
#include "agent/service/key_rules.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/replies.h"
#include "agent/service/repository_view.h"
#include "protocol/threshold.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

Error no_attestation(const LedgerKey& key) {
  return {
      ErrorName::NotFound,
      "The key " + key.name +
          " was enrolled without an attestation: what is known of it is its module's own word. If its token "
          "can attest it, retire the key and enrol it anew with --attestation.",
      {{"kind", "attestation"}, {"name", key.name}}};
}

// SoftHSM and others take more; a key's URI and its list of objects stay readable.
constexpr std::size_t kMaxKeyId = 64;

// Holds a key's name while a token makes the key, so that two calls cannot make two keys for one name.
class NameClaim {
 public:
  static Result<std::unique_ptr<NameClaim>> make(ServiceState& state, const std::string& name) {
    const KeyBook::Entry known = state.keys.find(name);
    if ((known && !known->retired && known->name == name) || !state.names_in_use.insert(name).second)
      return Error{
          ErrorName::AlreadyExists,
          "A key named " + name + " is enrolled already. Choose another name, or retire that key first.",
          {{"kind", "key"}, {"name", name}}};
    return std::unique_ptr<NameClaim>(new NameClaim(state, name));
  }
  ~NameClaim() { state_.names_in_use.erase(name_); }
  NameClaim(const NameClaim&) = delete;
  NameClaim& operator=(const NameClaim&) = delete;

 private:
  NameClaim(ServiceState& state, std::string name) : state_(state), name_(std::move(name)) {}
  ServiceState& state_;
  std::string name_;
};

struct KeyRequest {
  std::string name;
  std::vector<std::string> uses;
};

Result<KeyRequest> parse_key_request(const boost::json::object& parameters) {
  auto name = text_parameter(parameters, "name");
  if (!name) return name.error();
  if (const auto fits = check_key_name(*name); !fits) return fits.error();
  auto uses = text_list(parameters, "uses");
  if (!uses) return uses.error();
  if (const auto fits = check_key_uses(*uses); !fits) return fits.error();
  KeyRequest request;
  request.name = std::move(*name);
  request.uses = std::move(*uses);
  return request;
}

Result<LedgerKey> describe_key(const KeyRequest& request, const FoundKey& found) {
  const auto key = PublicKey::from_spki(found.spki);
  if (!key) return key.error();
  LedgerKey entry;
  entry.name = request.name;
  entry.uri = found.uri;
  entry.algorithm = to_string(key->algorithm());
  entry.spki = key->spki();
  entry.fingerprint = key->fingerprint();
  entry.tuf_keyid = metadata_keyid(*key, MetadataFormat::Tuf);
  entry.notary_keyid = metadata_keyid(*key, MetadataFormat::Notary);
  entry.uses = request.uses;
  entry.token_label = found.token_label;
  entry.token_serial = found.token_serial;
  entry.created = time_text(now_seconds());
  entry.evidence = to_json(found.evidence);
  return entry;
}

// A key that Signet may sign with, as it would be enrolled.
Result<LedgerKey> enrolable(const KeyRequest& request, const FoundKey& found, const Attested& attested) {
  if (const auto kept = check_evidence(request.name, found.evidence); !kept) return kept.error();
  auto entry = describe_key(request, found);
  if (entry && attested.verified) {
    const auto stored = to_ledger(*attested.verified, entry->created);
    entry->evidence[kAttestationMember] = stored;
  }
  if (entry && attested.told) add_policies(entry->evidence, *attested.told);
  return entry;
}

PolicyKey policy_key(const LedgerKey& entry, const Attested& attested) {
  PolicyKey facts = policy_key(entry);
  facts.no_attestation = attested.why_not;
  return facts;
}

awaitable<Reply> enrol(ServiceState& state, Ledger& ledger, LedgerKey entry, Peer peer) {
  const Requester who = requester(peer);
  const auto added = co_await ledger.add_key(entry, who);
  if (!added) co_return added.error();
  boost::json::object reply{{"key", to_json(entry, state.tokens)}};
  state.keys.put(std::move(entry));
  co_return reply;
}

// The key that was made is held against what the policy asks of keys, which could not be known before.
awaitable<Result<LedgerKey>> examine_made_key(ServiceState& state, Peer peer, KeyRequest request,
                                              FoundKey found) {
  AttestationOffer nothing;
  const auto attested = co_await attest_key(state, found, request.name, std::move(nothing));
  if (!attested) co_return attested.error();
  auto entry = enrolable(request, found, *attested);
  if (!entry) co_return entry.error();
  PolicyRequest asked = policy_request(peer, Action::Generate);
  asked.key = policy_key(*entry, *attested);
  asked.token = policy_token(*entry);
  // A person agreed already, and nothing but the key's facts is new.
  const auto verdict = judge(state.policy->policy, asked);
  if (!verdict) co_return verdict.error();
  co_return entry;
}

// All but the token.
Result<GenerateRequest> generation(const boost::json::object& parameters, const KeyRequest& key,
                                   KeyAlgorithm algorithm) {
  auto pin = optional_secret(parameters, "pin");
  if (!pin) return pin.error();
  auto so_pin = optional_secret(parameters, "soPin");
  if (!so_pin) return so_pin.error();
  const auto id = optional_text(parameters, "id");
  if (!id) return id.error();
  const auto bytes = id->has_value() ? from_hex(**id) : Bytes();
  if (!bytes || bytes->size() > kMaxKeyId || (id->has_value() && bytes->empty()))
    return invalid_parameter("id", "A CKA_ID has 1 to " + std::to_string(kMaxKeyId) +
                                       " bytes, in hexadecimal; \"02\" is slot 9c of a PIV card.");
  GenerateRequest request;
  request.algorithm = algorithm;
  request.label = key.name;
  request.id = *bytes;
  request.pin = std::move(*pin);
  request.so_pin = std::move(*so_pin);
  return request;
}

awaitable<Reply> generate_key(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  auto request = parse_key_request(call.parameters);
  if (!request) co_return request.error();
  auto token = text_parameter(call.parameters, "token");
  if (!token) co_return token.error();
  const auto algorithm_name = text_parameter(call.parameters, "algorithm");
  if (!algorithm_name) co_return algorithm_name.error();
  const auto algorithm = parse_key_algorithm(*algorithm_name);
  if (!algorithm)
    co_return invalid_parameter(
        "algorithm", "There is no algorithm \"" + *algorithm_name +
                         "\": use ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096 or ed25519.");
  auto generate = generation(call.parameters, *request, *algorithm);
  if (!generate) co_return generate.error();
  const auto claim = NameClaim::make(state, request->name);
  if (!claim) co_return claim.error();

  const auto found_token = co_await state.tokens.describe(std::move(*token));
  if (!found_token) co_return found_token.error();
  generate->token = found_token->uri;
  // Nobody is asked to agree to a key that cannot be made.
  const auto able = co_await state.tokens.can_generate(*generate);
  if (!able) co_return able.error();
  PolicyKey facts;
  facts.name = request->name;
  facts.algorithm = *algorithm;
  facts.uses = request->uses;
  facts.to_be_made = true;
  const std::string question = "Generate the key " + request->name + "?";
  const auto allowed = co_await authorise_key(state, call.peer, Action::Generate, std::move(facts),
                                              policy_token(*found_token), question);
  if (!allowed) co_return allowed.error();

  auto found = co_await state.tokens.generate(std::move(*generate));
  if (!found) co_return found.error();
  const std::string uri = found->uri;
  auto entry = co_await examine_made_key(state, call.peer, *request, std::move(*found));
  Reply reply = entry.has_error() ? Reply(entry.error()) : Reply(boost::json::object());
  if (entry) reply = co_await enrol(state, **ledger, std::move(*entry), call.peer);
  if (reply) co_return reply;
  Error error = reply.error();
  error.message += " The key is on the token (" + uri +
                   ") but not enrolled: enrol it with \"signet key enrol\" when the "
                   "cause is gone.";
  co_return error;
}

awaitable<Reply> enrol_key(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  auto request = parse_key_request(call.parameters);
  if (!request) co_return request.error();
  auto uri = text_parameter(call.parameters, "uri");
  if (!uri) co_return uri.error();
  auto offer = attestation_offer(call.parameters);
  if (!offer) co_return offer.error();
  const auto claim = NameClaim::make(state, request->name);
  if (!claim) co_return claim.error();
  auto found = co_await state.tokens.find(std::move(*uri));
  if (!found) co_return found.error();
  const auto attested = co_await attest_key(state, *found, request->name, std::move(*offer));
  if (!attested) co_return attested.error();
  auto entry = enrolable(*request, *found, *attested);
  if (!entry) co_return entry.error();
  const std::string question = "Enrol the key " + entry->name + ", SHA-256 " + entry->fingerprint + "?";
  const auto allowed = co_await authorise_key(state, call.peer, Action::Enrol, policy_key(*entry, *attested),
                                              policy_token(*entry), question);
  if (!allowed) co_return allowed.error();
  co_return co_await enrol(state, **ledger, std::move(*entry), call.peer);
}

void collect(const Result<DelegatedKeys>& delegated, std::set<std::string>& fingerprints) {
  if (!delegated) return;
  for (const MetadataKey& entry : delegated->keys)
    if (entry.key) fingerprints.insert(entry.key->fingerprint());
}

// The fingerprints that the trusted root and the observed delegations name, for one role or for all.
awaitable<Result<std::set<std::string>>> named_fingerprints(ServiceState& state, Ledger& ledger,
                                                            std::string repository,
                                                            std::optional<std::string> role) {
  std::set<std::string> fingerprints;
  const auto view = co_await load_repository(state, ledger, repository);
  if (!view) co_return view.error();
  if (role) {
    const auto delegator = co_await find_delegator(state, ledger, *view, *role);
    if (!delegator) co_return delegator.error();
    if (delegator->file) collect(delegated_keys(delegator->file->content, *role), fingerprints);
    co_return fingerprints;
  }
  if (view->root)
    for (const auto& [name, keys] : view->root->content.roles)
      collect(delegated_keys(view->root->content, name), fingerprints);
  const auto marks = co_await ledger.marks(view->row.name);
  if (!marks) co_return marks.error();
  for (const VersionMark& mark : *marks) {
    if (role_type(mark.role) != RoleType::Targets) continue;
    const auto file = co_await load_observed(state, ledger, *view, mark.role);
    if (!file) co_return file.error();
    if (!*file) continue;
    for (const DelegatedRole& child : (*file)->content.delegations)
      collect(delegated_keys((*file)->content, child.name), fingerprints);
    if ((*file)->content.succinct) {
      for (const std::string& keyid : (*file)->content.succinct->keys.keyids) {
        const auto key = (*file)->content.keys.find(keyid);
        if (key != (*file)->content.keys.end() && key->second.key)
          fingerprints.insert(key->second.key->fingerprint());
      }
    }
  }
  co_return fingerprints;
}

awaitable<Reply> list_keys(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto repository = optional_text(call.parameters, "repository");
  if (!repository) co_return repository.error();
  const auto role = optional_text(call.parameters, "role");
  if (!role) co_return role.error();
  if (role->has_value() && !repository->has_value())
    co_return invalid_parameter("role", "A role is one of a repository: name the repository too.");
  std::optional<std::set<std::string>> wanted;
  if (repository->has_value()) {
    auto named = co_await named_fingerprints(state, **ledger, **repository, *role);
    if (!named) co_return named.error();
    wanted = std::move(*named);
  }
  boost::json::array keys;
  for (const KeyBook::Entry& key : state.keys.all())
    if (!wanted || wanted->contains(key->fingerprint)) keys.push_back(to_json(*key, state.tokens));
  boost::json::object reply{{"keys", std::move(keys)}};
  co_return reply;
}

awaitable<Reply> show_key(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto name = text_parameter(call.parameters, "key");
  if (!name) co_return name.error();
  const KeyBook::Entry entry = state.keys.find(*name);
  if (!entry) co_return key_not_found(*name);
  const auto key = state.keys.public_key(*entry);
  if (!key) co_return key.error();
  const auto served = co_await (*ledger)->key_roles(entry->fingerprint);
  if (!served) co_return served.error();
  boost::json::array roles;
  for (const auto& [repository, role] : *served) {
    boost::json::object pair{{"repository", repository}, {"role", role}};
    roles.push_back(std::move(pair));
  }
  boost::json::object reply{{"key", to_json(*entry, state.tokens)},
                            {"pem", key->pem()},
                            {"ssh", key->ssh(entry->name)},
                            {"tuf", metadata_key_object(*key, MetadataFormat::Tuf)},
                            {"notary", metadata_key_object(*key, MetadataFormat::Notary)},
                            {"roles", std::move(roles)}};
  co_return reply;
}

awaitable<Reply> attest_key_method(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto name = text_parameter(call.parameters, "key");
  if (!name) co_return name.error();
  const KeyBook::Entry entry = state.keys.find(*name);
  if (!entry) co_return key_not_found(*name);
  const auto key = state.keys.public_key(*entry);
  if (!key) co_return key.error();
  AttestationPems pems = attestation_pems(*entry);
  if (pems.certificate.empty()) co_return no_attestation(*entry);
  boost::json::object reply{{"key", to_json(*entry, state.tokens)},
                            {"pem", key->pem()},
                            {"attestation", std::move(pems.certificate)},
                            {"chain", boost::json::array(pems.chain.begin(), pems.chain.end())}};
  co_return reply;
}

awaitable<Reply> retire_key(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto name = text_parameter(call.parameters, "key");
  if (!name) co_return name.error();
  const KeyBook::Entry entry = state.keys.find(*name);
  if (!entry) co_return key_not_found(*name);
  const std::string question = "Retire the key " + entry->name + ", SHA-256 " + entry->fingerprint + "?";
  const auto allowed = co_await authorise_key(state, call.peer, Action::Retire, policy_key(*entry),
                                              policy_token(*entry), question);
  if (!allowed) co_return allowed.error();
  const Requester who = requester(call.peer);
  auto retired = co_await (*ledger)->retire_key(entry->name, who);
  if (!retired) co_return retired.error();
  boost::json::object reply{{"key", to_json(*retired, state.tokens)}};
  state.keys.put(std::move(*retired));
  co_return reply;
}

}  // namespace

void add_key_methods(ServiceState& state, MethodTable& table) {
  table["GenerateKey"].handler = [&state](Call call) { return generate_key(state, call); };
  table["EnrolKey"].handler = [&state](Call call) { return enrol_key(state, call); };
  table["ListKeys"].handler = [&state](Call call) { return list_keys(state, call); };
  table["ShowKey"].handler = [&state](Call call) { return show_key(state, call); };
  table["AttestKey"].handler = [&state](Call call) { return attest_key_method(state, call); };
  table["RetireKey"].handler = [&state](Call call) { return retire_key(state, call); };
}

}  // namespace signet
