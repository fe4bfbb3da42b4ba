#include "agent/service/policy_question.h"

#include <boost/json/array.hpp>

#include "agent/policy/accounts.h"
#include "agent/service/authorisation.h"
#include "agent/service/parameters.h"
#include "protocol/metadata_time.h"

namespace signet {
namespace {

using boost::json::object;

const boost::json::value* present(const object& question, std::string_view name) {
  const boost::json::value* value = question.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<PolicyIdentity> read_who(const object& question, const Peer& caller) {
  PolicyIdentity who;
  who.uid = caller.uid;
  who.gid = caller.gid;
  who.groups = caller.groups;
  const auto user = optional_text(question, "user");
  if (!user) return user.error();
  if (user->has_value()) {
    const std::optional<Account> account = find_account(**user);
    if (!account)
      return Error(ErrorName::NotFound,
                   "There is no user \"" + **user +
                       "\" on the agent's machine. Give a name that \"getent passwd\" "
                       "knows, or a uid.",
                   {{"kind", "user"}, {"name", **user}});
    who.uid = account->uid;
    who.gid = account->gid;
    who.groups = account->groups;
  }
  const auto issuer = optional_text(question, "issuer");
  if (!issuer) return issuer.error();
  const boost::json::value* claims = present(question, "claims");
  if (claims != nullptr && (!claims->is_object() || !issuer->has_value()))
    return invalid_parameter("claims",
                             "\"claims\" is an object, and stands beside the \"issuer\" of the token.");
  if (issuer->has_value()) {
    who.claims.emplace();
    who.claims->issuer = **issuer;
    if (claims != nullptr) who.claims->claims = claims->get_object();
  }
  return who;
}

Result<std::optional<std::chrono::sys_seconds>> read_time(const object& question, std::string_view name) {
  const auto text = optional_text(question, name);
  if (!text) return text.error();
  if (!text->has_value()) return std::optional<std::chrono::sys_seconds>();
  const auto time = parse_expiry(**text, MetadataFormat::Tuf);
  if (!time)
    return invalid_parameter(name, "\"" + std::string(name) + "\" is a time like 2026-11-22T03:00:00Z.");
  return time;
}

Result<std::optional<std::int64_t>> read_count(const object& question, std::string_view name) {
  const boost::json::value* value = present(question, name);
  if (value == nullptr) return std::optional<std::int64_t>();
  if (!value->is_int64() || value->get_int64() < 0)
    return invalid_parameter(name, "\"" + std::string(name) + "\" is a whole number from 0 on.");
  return std::optional<std::int64_t>(value->get_int64());
}

// A key that is not enrolled exists only for those that make one.
Result<PolicyKey> read_new_key(const std::string& name, const object& question, Action action) {
  if (action != Action::Generate && action != Action::Enrol)
    return Error(ErrorName::NotFound,
                 "No key of the name \"" + name + "\" is enrolled. \"signet key list\" shows those that are.",
                 {{"kind", "key"}, {"name", name}});
  PolicyKey key;
  key.name = name;
  const auto algorithm = optional_text(question, "algorithm");
  if (!algorithm) return algorithm.error();
  if (!algorithm->has_value()) return key;
  const Result<KeyAlgorithm> parsed = parse_key_algorithm(**algorithm);
  if (!parsed) return invalid_parameter("algorithm", parsed.error().message);
  key.algorithm = *parsed;
  return key;
}

Result<void> read_key(const object& question, const KeyBook& keys, PolicyRequest& request) {
  const auto name = optional_text(question, "key");
  if (!name) return name.error();
  const auto use = optional_text(question, "use");
  if (!use) return use.error();
  const bool touch_given = present(question, "touch") != nullptr;
  const auto touch = flag_parameter(question, "touch");
  if (!touch) return touch.error();
  if (!name->has_value()) return {};
  const KeyBook::Entry known = request.action == Action::Generate ? nullptr : keys.find(**name);
  Result<PolicyKey> key =
      known ? Result<PolicyKey>(policy_key(*known)) : read_new_key(**name, question, request.action);
  if (!key) return key.error();
  if (known && !request.token) request.token = PolicyToken{known->token_label, known->token_serial};
  if (touch_given) key->touch_required = *touch;
  if (use->has_value())
    key->uses = {**use};
  else if (request.action == Action::SignMetadata || request.action == Action::Supersede)
    key->uses = {"tuf"};
  else if (request.action == Action::IssueCertificate)
    key->uses = {"certificate"};
  request.key = std::move(*key);
  return {};
}

Result<std::optional<std::map<std::string, std::int64_t>>> read_thresholds(const object& question) {
  std::optional<std::map<std::string, std::int64_t>> thresholds;
  const boost::json::value* value = present(question, "thresholds");
  if (value == nullptr) return thresholds;
  if (!value->is_object())
    return invalid_parameter("thresholds", "\"thresholds\" is an object of numbers by role.");
  thresholds.emplace();
  for (const auto& [role, threshold] : value->get_object()) {
    if (!threshold.is_int64())
      return invalid_parameter("thresholds", "\"thresholds\" is an object of numbers by role.");
    thresholds->emplace(std::string(role), threshold.get_int64());
  }
  return thresholds;
}

Result<std::optional<std::vector<std::string>>> read_targets(const object& question) {
  std::optional<std::vector<std::string>> targets;
  if (present(question, "changedTargets") == nullptr) return targets;
  auto list = text_list(question, "changedTargets");
  if (!list) return list.error();
  targets = std::move(*list);
  return targets;
}

Result<void> read_metadata(const object& question, PolicyRequest& request) {
  if (facts_of(request.action).metadata == Presence::Absent || !request.role) return {};
  PolicyMetadata metadata;
  metadata.type = role_type(*request.role);
  auto thresholds = read_thresholds(question);
  if (!thresholds) return thresholds.error();
  metadata.thresholds = std::move(*thresholds);
  const auto root_keys = read_count(question, "rootKeys");
  if (!root_keys) return root_keys.error();
  metadata.root_keys = *root_keys;
  auto targets = read_targets(question);
  if (!targets) return targets.error();
  metadata.changed_targets = std::move(*targets);
  if (present(question, "delegationsChanged") != nullptr) {
    const auto changed = flag_parameter(question, "delegationsChanged");
    if (!changed) return changed.error();
    metadata.delegations_changed = *changed;
  }
  const auto versions = read_count(question, "otherVersionsLastHour");
  if (!versions) return versions.error();
  metadata.other_versions_last_hour = *versions;
  request.metadata = std::move(metadata);
  return {};
}

Result<void> read_names(const object& question, PolicyRequest& request) {
  const auto token = optional_text(question, "token");
  if (!token) return token.error();
  if (token->has_value()) request.token = PolicyToken{**token, **token};
  const auto repository = optional_text(question, "repository");
  if (!repository) return repository.error();
  request.repository = *repository;
  const auto role = optional_text(question, "role");
  if (!role) return role.error();
  request.role = *role;
  return {};
}

}  // namespace

Result<PolicyRequest> read_policy_question(const object& question, const Peer& caller, const KeyBook& keys,
                                           std::chrono::sys_seconds now) {
  PolicyRequest request;
  auto who = read_who(question, caller);
  if (!who) return who.error();
  request.who = std::move(*who);
  const auto name = text_parameter(question, "action");
  if (!name) return name.error();
  const std::optional<Action> action = parse_action(*name);
  if (!action)
    return invalid_parameter("action", "\"" + *name + "\" is no action. docs/policy.md lists them.");
  request.action = *action;
  if (auto names = read_names(question, request); !names) return names.error();
  if (auto key = read_key(question, keys, request); !key) return key.error();
  const auto at = read_time(question, "at");
  if (!at) return at.error();
  request.now = at->value_or(now);
  const auto expires = read_time(question, "expires");
  if (!expires) return expires.error();
  request.expires = *expires;
  if (auto metadata = read_metadata(question, request); !metadata) return metadata.error();
  return request;
}

}  // namespace signet
