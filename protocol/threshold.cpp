#include "protocol/threshold.h"

#include <algorithm>
#include <set>

#include "protocol/metadata_error.h"
#include "protocol/signature.h"

namespace signet {
namespace {

// TAP 15: the bins of a prefix are PREFIX-0…0 to PREFIX-f…f, as many digits as the last one has.
bool is_bin_of(const SuccinctRoles& succinct, std::string_view role) {
  constexpr std::string_view kLowerHex = "0123456789abcdef";
  const std::string prefix = succinct.name_prefix + "-";
  if (!role.starts_with(prefix)) return false;
  role.remove_prefix(prefix.size());
  const auto digits = static_cast<std::size_t>((succinct.bit_length + 3) / 4);
  if (role.size() != digits || role.find_first_not_of(kLowerHex) != std::string_view::npos) return false;
  const std::uint64_t bin = std::stoull(std::string(role), nullptr, 16);
  return bin < (std::uint64_t{1} << succinct.bit_length);
}

const RoleKeys* find_role(const Signed& delegator, std::string_view role) {
  if (delegator.type == RoleType::Root) {
    const auto found = delegator.roles.find(std::string(role));
    return found == delegator.roles.end() ? nullptr : &found->second;
  }
  const auto found = std::find_if(delegator.delegations.begin(), delegator.delegations.end(),
                                  [&](const DelegatedRole& delegated) { return delegated.name == role; });
  if (found != delegator.delegations.end()) return &found->keys;
  if (delegator.succinct && is_bin_of(*delegator.succinct, role)) return &delegator.succinct->keys;
  return nullptr;
}

const SignatureEntry* find_signature(const MetadataFile& file, std::string_view keyid) {
  const auto found = std::find_if(file.signatures.begin(), file.signatures.end(),
                                  [&](const SignatureEntry& entry) { return entry.keyid == keyid; });
  // TUF's empty signature is a placeholder for one that is still to come.
  return found == file.signatures.end() || found->signature.empty() ? nullptr : &*found;
}

std::string list_of(std::string_view what, const std::vector<std::string>& keyids) {
  if (keyids.empty()) return "";
  std::string out = "; " + std::string(what) + ":";
  for (const std::string& keyid : keyids) out += " " + quoted(keyid);
  return out;
}

Error below_threshold(std::string_view role, std::string_view whose, const ThresholdReport& report) {
  return metadata_invalid("/signatures", "threshold",
                          "The role " + quoted(role) + " needs " + std::to_string(report.threshold) +
                              " valid signatures by the keys of " + std::string(whose) + " and has " +
                              std::to_string(report.valid.size()) + list_of("valid", report.valid) +
                              list_of("wrong", report.invalid) + list_of("missing", report.absent) +
                              ". Have enough of these keys sign this version.");
}

Result<ThresholdReport> verify_by(const MetadataFile& file, const Signed& delegator, std::string_view role,
                                  std::string_view whose) {
  if (file.content.format != delegator.format)
    return metadata_invalid("/signed/_type", "type",
                            "The metadata and its delegator are of different formats.");
  if (file.content.type != role_type(role)) {
    return metadata_invalid("/signed/_type", "type",
                            "The metadata is of type " + std::string(to_string(file.content.type)) +
                                ", which is not what the role " + quoted(role) + " has.");
  }
  const auto delegated = delegated_keys(delegator, role);
  if (!delegated) return delegated.error();
  ThresholdReport report = count_signatures(file, *delegated);
  if (!report.met()) return below_threshold(role, whose, report);
  return report;
}

}  // namespace

Result<DelegatedKeys> delegated_keys(const Signed& delegator, std::string_view role) {
  const RoleKeys* keys = find_role(delegator, role);
  if (keys == nullptr) {
    return Error(ErrorName::NotFound,
                 "The " + std::string(to_string(delegator.type)) + " metadata of version " +
                     std::to_string(delegator.version) + " does not delegate to a role " + quoted(role) + ".",
                 {{"kind", "role"}, {"name", role}});
  }
  DelegatedKeys out;
  out.role = *keys;
  for (const std::string& keyid : keys->keyids)
    if (const auto found = delegator.keys.find(keyid); found != delegator.keys.end())
      out.keys.push_back(found->second);
  return out;
}

ThresholdReport count_signatures(const MetadataFile& file, const DelegatedKeys& delegated) {
  ThresholdReport report;
  report.threshold = delegated.role.threshold;
  std::set<std::string_view> counted;  // fingerprints: a key counts once, whatever it is called
  for (const MetadataKey& key : delegated.keys) {
    const SignatureEntry* entry = find_signature(file, key.keyid);
    if (entry == nullptr)
      report.absent.push_back(key.keyid);
    else if (key.key &&
             verify_metadata_signature(*key.key, file.content.format, as_bytes(file.canonical), *entry) &&
             counted.insert(key.key->fingerprint()).second)
      report.valid.push_back(key.keyid);
    else
      report.invalid.push_back(key.keyid);
  }
  return report;
}

Result<ThresholdReport> verify_threshold(const MetadataFile& file, const Signed& delegator,
                                         std::string_view role) {
  return verify_by(file, delegator, role, "its delegator");
}

Result<void> verify_root_step(const Signed& trusted, const MetadataFile& candidate) {
  if (trusted.type != RoleType::Root) return Error(ErrorName::Internal, "The trusted metadata is no root.");
  if (candidate.content.type != RoleType::Root)
    return metadata_invalid("/signed/_type", "type",
                            "The metadata is no root, so that it cannot follow one.");
  if (candidate.content.version != trusted.version + 1) {
    return metadata_invalid("/signed/version", "root-version",
                            "The root has version " + std::to_string(candidate.content.version) +
                                "; the one after the trusted root has version " +
                                std::to_string(trusted.version + 1) +
                                ". Observe the versions between in their order.");
  }
  if (const auto old_keys = verify_by(candidate, trusted, "root", "the trusted root"); !old_keys)
    return old_keys.error();
  if (const auto own_keys = verify_by(candidate, candidate.content, "root", "the new root"); !own_keys)
    return own_keys.error();
  return {};
}

}  // namespace signet
