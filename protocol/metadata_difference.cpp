#include "protocol/metadata_difference.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace signet {
namespace {

using Keys = std::map<std::string, MetadataKey>;

const Signed& nothing() {
  static const Signed kNothing;
  return kNothing;
}

KeyMention mention(const std::string& keyid, const Keys& keys) {
  KeyMention out;
  out.keyid = keyid;
  const auto found = keys.find(keyid);
  if (found == keys.end()) return out;
  out.fingerprint = found->second.key ? found->second.key->fingerprint() : "";
  out.scheme = found->second.scheme;
  out.keyid_matches = found->second.keyid_matches;
  return out;
}

bool same_key(const std::string& keyid, const Keys& before, const Keys& after) {
  const auto a = before.find(keyid), b = after.find(keyid);
  return a != before.end() && b != after.end() && a->second.object == b->second.object;
}

RoleKeysDifference compare_keys(std::string_view role, const RoleKeys* before, const Keys& keys_before,
                                const RoleKeys* after, const Keys& keys_after) {
  RoleKeysDifference out;
  out.role = role;
  std::set<std::string> old_ids, new_ids;
  if (before != nullptr) old_ids.insert(before->keyids.begin(), before->keyids.end());
  if (after != nullptr) new_ids.insert(after->keyids.begin(), after->keyids.end());
  for (const std::string& keyid : new_ids) {
    if (!old_ids.contains(keyid))
      out.added.push_back(mention(keyid, keys_after));
    else if (!same_key(keyid, keys_before, keys_after))
      out.replaced.push_back(mention(keyid, keys_after));
  }
  for (const std::string& keyid : old_ids)
    if (!new_ids.contains(keyid)) out.removed.push_back(mention(keyid, keys_before));
  out.threshold = {before == nullptr ? 0 : before->threshold, after == nullptr ? 0 : after->threshold};
  out.keys = {old_ids.size(), new_ids.size()};
  return out;
}

const RoleKeys* find_role(const Signed& root, std::string_view role) {
  const auto found = root.roles.find(std::string(role));
  return found == root.roles.end() ? nullptr : &found->second;
}

void compare_roots(const Signed& before, const Signed& after, MetadataDifference& out) {
  // The root's own role first: it is the one that matters most.
  for (const std::string_view role : {"root", "targets", "snapshot", "timestamp"}) {
    RoleKeysDifference keys =
        compare_keys(role, find_role(before, role), before.keys, find_role(after, role), after.keys);
    if (keys.any()) out.roles.push_back(std::move(keys));
  }
}

std::string hash_text(const TargetFile& file) {
  auto hash = file.hashes.find("sha256");
  if (hash == file.hashes.end()) hash = file.hashes.begin();
  return hash == file.hashes.end() ? std::string() : hash->first + ":" + hash->second;
}

TargetMention mention(const std::string& path, const TargetFile& file) {
  TargetMention out;
  out.path = path;
  out.hash = hash_text(file);
  out.length = file.length;
  return out;
}

void compare_targets(const Signed& before, const Signed& after, MetadataDifference& out) {
  auto old = before.targets.begin();
  for (const auto& [path, file] : after.targets) {  // both are sorted by path
    for (; old != before.targets.end() && old->first < path; ++old)
      out.removed.push_back(mention(old->first, old->second));
    if (old == before.targets.end() || old->first != path) {
      out.added.push_back(mention(path, file));
      continue;
    }
    const bool same_file = old->second.length == file.length && old->second.hashes == file.hashes;
    if (!same_file || old->second.custom != file.custom) {
      TargetMention changed = mention(path, file);
      changed.custom_only = same_file;
      out.changed.push_back(std::move(changed));
    }
    ++old;
  }
  for (; old != before.targets.end(); ++old) out.removed.push_back(mention(old->first, old->second));
}

std::set<std::string> all_paths(const DelegatedRole* role) {
  std::set<std::string> paths;
  if (role == nullptr) return paths;
  paths.insert(role->paths.begin(), role->paths.end());
  for (const std::string& prefix : role->path_hash_prefixes) paths.insert("hash:" + prefix);
  return paths;
}

// Nothing where they are the same. One of the two may be null.
std::optional<DelegationDifference> compare_delegation(const std::string& name, const DelegatedRole* before,
                                                       const Keys& keys_before, const DelegatedRole* after,
                                                       const Keys& keys_after) {
  using Kind = DelegationDifference::Kind;
  DelegationDifference out;
  out.kind = before == nullptr ? Kind::Added : after == nullptr ? Kind::Removed : Kind::Changed;
  out.name = name;
  out.keys = compare_keys(out.name, before == nullptr ? nullptr : &before->keys, keys_before,
                          after == nullptr ? nullptr : &after->keys, keys_after);
  const std::set<std::string> old_paths = all_paths(before), new_paths = all_paths(after);
  std::set_difference(new_paths.begin(), new_paths.end(), old_paths.begin(), old_paths.end(),
                      std::back_inserter(out.paths_added));
  std::set_difference(old_paths.begin(), old_paths.end(), new_paths.begin(), new_paths.end(),
                      std::back_inserter(out.paths_removed));
  out.terminating = {before != nullptr && before->terminating, after != nullptr && after->terminating};
  const bool same = out.kind == Kind::Changed && !out.keys.any() && out.paths_added.empty() &&
                    out.paths_removed.empty() && !out.terminating.differs();
  return same ? std::nullopt : std::optional(std::move(out));
}

using DelegationsByName = std::map<std::string, const DelegatedRole*>;

DelegationsByName by_name(const Signed& targets) {
  DelegationsByName out;
  for (const DelegatedRole& role : targets.delegations) out[role.name] = &role;
  return out;
}

// The names that both have, in the order of `ordered`.
std::vector<std::string> common_order(const Signed& ordered, const DelegationsByName& other) {
  std::vector<std::string> out;
  for (const DelegatedRole& role : ordered.delegations)
    if (other.contains(role.name)) out.push_back(role.name);
  return out;
}

void compare_delegations(const Signed& before, const Signed& after, MetadataDifference& out) {
  const DelegationsByName old = by_name(before), now = by_name(after);
  std::set<std::string> names;
  for (const auto& [name, role] : old) names.insert(name);
  for (const auto& [name, role] : now) names.insert(name);
  for (const std::string& name : names) {
    const auto a = old.find(name), b = now.find(name);
    auto difference = compare_delegation(name, a == old.end() ? nullptr : a->second, before.keys,
                                         b == now.end() ? nullptr : b->second, after.keys);
    if (difference) out.delegations.push_back(std::move(*difference));
  }
  out.delegations_reordered = common_order(before, now) != common_order(after, old);
}

void compare_bins(const SuccinctRoles* before, const Keys& keys_before, const SuccinctRoles* after,
                  const Keys& keys_after, MetadataDifference& out) {
  using Kind = DelegationDifference::Kind;
  DelegationDifference bins;
  bins.kind = before == nullptr ? Kind::Added : after == nullptr ? Kind::Removed : Kind::Changed;
  bins.name = (after == nullptr ? before->name_prefix : after->name_prefix) + "-*";
  bins.keys = compare_keys(bins.name, before == nullptr ? nullptr : &before->keys, keys_before,
                           after == nullptr ? nullptr : &after->keys, keys_after);
  bins.bit_length = {before == nullptr ? 0 : before->bit_length, after == nullptr ? 0 : after->bit_length};
  if (bins.kind != Kind::Changed || bins.keys.any() || bins.bit_length.differs())
    out.delegations.push_back(std::move(bins));
}

void compare_succinct(const Signed& before, const Signed& after, MetadataDifference& out) {
  const SuccinctRoles* const old = before.succinct ? &*before.succinct : nullptr;
  const SuccinctRoles* const now = after.succinct ? &*after.succinct : nullptr;
  if (old == nullptr && now == nullptr) return;
  if (old == nullptr || now == nullptr || old->name_prefix == now->name_prefix)
    return compare_bins(old, before.keys, now, after.keys, out);
  compare_bins(old, before.keys, nullptr, after.keys, out);  // another prefix: other bins altogether
  compare_bins(nullptr, before.keys, now, after.keys, out);
}

void compare_files(const Signed& before, const Signed& after, MetadataDifference& out) {
  using Kind = FileMention::Kind;
  for (const auto& [name, file] : after.meta) {
    const auto old = before.meta.find(name);
    const bool added = old == before.meta.end();
    if (!added && old->second.version == file.version && old->second.length == file.length &&
        old->second.hashes == file.hashes)
      continue;
    FileMention entry;
    entry.kind = added ? Kind::Added : Kind::Changed;
    entry.name = name;
    entry.version = {added ? 0 : old->second.version, file.version};
    out.files.push_back(std::move(entry));
  }
  for (const auto& [name, file] : before.meta) {
    if (after.meta.contains(name)) continue;
    FileMention entry;
    entry.kind = Kind::Removed;
    entry.name = name;
    entry.version = {file.version, 0};
    out.files.push_back(std::move(entry));
  }
  std::sort(out.files.begin(), out.files.end(),
            [](const FileMention& a, const FileMention& b) { return a.name < b.name; });
}

// Whether the difference says already that this member of "signed" differs.
bool told(std::string_view member, const MetadataDifference& difference) {
  if (member == "keys" || member == "roles") return !difference.roles.empty();
  if (member == "targets")
    return !difference.added.empty() || !difference.removed.empty() || !difference.changed.empty();
  if (member == "delegations") return !difference.delegations.empty() || difference.delegations_reordered;
  if (member == "meta") return !difference.files.empty();
  static constexpr auto kTold =
      std::to_array<std::string_view>({"_type", "version", "expires", "spec_version", "consistent_snapshot"});
  return std::find(kTold.begin(), kTold.end(), member) != kTold.end();
}

}  // namespace

bool MetadataDifference::same_content() const {
  return from_version.has_value() && roles.empty() && added.empty() && removed.empty() && changed.empty() &&
         delegations.empty() && !delegations_reordered && files.empty() && others.empty() &&
         !consistent_snapshot.differs() && !spec_version.differs();
}

MetadataDifference metadata_difference(std::string_view role, const Signed* previous, const Signed& next,
                                       bool supersedes) {
  const Signed& before = previous == nullptr ? nothing() : *previous;
  MetadataDifference out;
  out.role = role;
  out.type = next.type;
  if (previous != nullptr) out.from_version = previous->version;
  out.version = next.version;
  out.supersedes = supersedes;
  out.expires = {before.expires, next.expires};
  out.expires_sooner = previous != nullptr && next.expires_at < before.expires_at;
  out.spec_version = {previous == nullptr ? next.spec_version : before.spec_version, next.spec_version};
  out.warnings = next.warnings;
  if (next.type == RoleType::Root) {
    out.consistent_snapshot = {previous == nullptr ? next.consistent_snapshot : before.consistent_snapshot,
                               next.consistent_snapshot};
    compare_roots(before, next, out);
  } else if (next.type == RoleType::Targets) {
    compare_targets(before, next, out);
    compare_delegations(before, next, out);
    compare_succinct(before, next, out);
  } else {
    compare_files(before, next, out);
  }
  return out;
}

void add_other_members(const boost::json::object& previous, const boost::json::object& next,
                       MetadataDifference& difference) {
  std::set<std::string> names;
  for (const boost::json::object* object : {&previous, &next})
    for (const auto& member : *object) names.emplace(member.key());
  for (const std::string& name : names) {
    const boost::json::value *const a = previous.if_contains(name), *const b = next.if_contains(name);
    const bool same = a != nullptr && b != nullptr && *a == *b;
    if (!same && !told(name, difference)) difference.others.push_back(name);
  }
}

std::vector<std::string> changed_target_paths(const Signed* previous, const Signed& next) {
  MetadataDifference difference;
  compare_targets(previous == nullptr ? nothing() : *previous, next, difference);
  std::vector<std::string> paths;
  for (const auto* list : {&difference.added, &difference.removed, &difference.changed})
    for (const TargetMention& target : *list) paths.push_back(target.path);
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace signet
