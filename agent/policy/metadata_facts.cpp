#include "agent/policy/metadata_facts.h"

#include <set>
#include <string>

#include "protocol/metadata_difference.h"

namespace signet {
namespace {

std::map<std::string, std::int64_t> thresholds_of(const Signed& metadata) {
  std::map<std::string, std::int64_t> thresholds;
  for (const auto& [name, role] : metadata.roles) thresholds[name] = role.threshold;
  for (const DelegatedRole& role : metadata.delegations) thresholds[role.name] = role.keys.threshold;
  if (metadata.succinct)
    thresholds[metadata.succinct->name_prefix + "-*"] = metadata.succinct->keys.threshold;
  return thresholds;
}

// Two key ids of one key are one key; a key that Signet cannot use never counts.
std::int64_t root_keys_of(const Signed& root) {
  std::set<std::string> fingerprints;
  const auto role = root.roles.find("root");
  if (role == root.roles.end()) return 0;
  for (const std::string& keyid : role->second.keyids)
    if (const auto key = root.keys.find(keyid); key != root.keys.end() && key->second.key)
      fingerprints.insert(key->second.key->fingerprint());
  return static_cast<std::int64_t>(fingerprints.size());
}

}  // namespace

PolicyMetadata metadata_facts(std::string_view role, const Signed* previous, const Signed& next) {
  PolicyMetadata facts;
  facts.type = next.type;
  facts.version = next.version;
  if (next.type == RoleType::Root || next.type == RoleType::Targets) facts.thresholds = thresholds_of(next);
  if (next.type == RoleType::Root) facts.root_keys = root_keys_of(next);
  if (next.type == RoleType::Targets) {
    const MetadataDifference difference = metadata_difference(role, previous, next, false);
    facts.changed_targets = changed_target_paths(previous, next);
    facts.delegations_changed = !difference.delegations.empty() || difference.delegations_reordered;
  }
  return facts;
}

}  // namespace signet
