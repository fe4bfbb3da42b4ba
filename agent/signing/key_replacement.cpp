#include "agent/signing/key_replacement.h"

#include <algorithm>
#include <set>

#include "protocol/threshold.h"

namespace signet {
namespace {

std::vector<std::string> delegated_names(const Signed& metadata) {
  std::set<std::string> names;
  for (const auto& [name, keys] : metadata.roles)
    if (name != "root") names.insert(name);
  for (const DelegatedRole& role : metadata.delegations) names.insert(role.name);
  return {names.begin(), names.end()};
}

std::set<std::string> fingerprints(const DelegatedKeys& delegated) {
  std::set<std::string> found;
  for (const MetadataKey& entry : delegated.keys)
    if (entry.key) found.insert(entry.key->fingerprint());
  return found;
}

}  // namespace

std::vector<std::string> replaced_roles(const Signed& before, const Signed& after) {
  std::vector<std::string> replaced;
  for (const std::string& name : delegated_names(before)) {
    const auto old_keys = delegated_keys(before, name);
    const auto new_keys = delegated_keys(after, name);
    if (!old_keys || !new_keys) continue;
    const std::set<std::string> kept = fingerprints(*new_keys);
    const std::set<std::string> old = fingerprints(*old_keys);
    const auto remaining =
        std::count_if(old.begin(), old.end(), [&](const auto& f) { return kept.contains(f); });
    if (remaining < old_keys->role.threshold) replaced.push_back(name);
  }
  return replaced;
}

}  // namespace signet
