#include "protocol/difference_text.h"

#include <algorithm>

#include "protocol/display_text.h"

namespace signet {
namespace {

constexpr std::size_t kShownDigits = 16;  // 64 bits: nobody makes a second key that begins so
constexpr std::string_view kArrow = " → ";
constexpr std::string_view kPlus = "+ ", kMinus = "− ", kTilde = "~ ";

using Items = std::vector<std::string>;

std::string short_digest(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::size_t keep = (colon == std::string::npos ? 0 : colon + 1) + kShownDigits;
  return text.size() <= keep ? display_name(text) : display_name(text.substr(0, keep)) + "…";
}

std::string key_text(const KeyMention& key, const KeyNamer& namer) {
  const std::string id = key.keyid.size() > 64 ? display_name(key.keyid) : short_digest(key.keyid);
  std::string text = "key " + id;
  const std::string name = namer ? namer(key) : std::string();
  if (!name.empty()) text += " (" + display_text(name, kMaxDisplayName) + ")";
  if (key.fingerprint.empty()) text += " [of a kind that Signet cannot use]";
  if (!key.keyid_matches)
    text += " [THE ID IS NOT THE KEY'S OWN: SHA-256 " + short_digest(key.fingerprint) + "]";
  return text;
}

// Appends `text_of` of each element, up to the limit, then how many are left.
template <typename List, typename TextOf>
void append_list(const List& list, const DifferenceTextOptions& options, Items& items, std::string_view what,
                 TextOf text_of) {
  std::size_t count = 0;
  for (const auto& element : list) {
    if (count == options.max_entries) break;
    items.push_back(text_of(element));
    ++count;
  }
  if (count < list.size())
    items.push_back("and " + std::to_string(list.size() - count) + " more " + std::string(what));
}

void append_keys(const RoleKeysDifference& keys, const std::string& prefix,
                 const DifferenceTextOptions& options, Items& items) {
  const auto text = [&](std::string_view sign, std::string_view after) {
    return [&, sign, after](const KeyMention& key) {
      return prefix + std::string(sign) + key_text(key, options.name) + std::string(after);
    };
  };
  append_list(keys.replaced, options, items, prefix + "keys replaced",
              text(kTilde, " (SAME ID, ANOTHER KEY)"));
  append_list(keys.added, options, items, prefix + "keys added", text(kPlus, ""));
  append_list(keys.removed, options, items, prefix + "keys removed", text(kMinus, ""));
  std::string threshold = prefix + "threshold ";
  if (keys.threshold.before != 0) threshold += std::to_string(keys.threshold.before) + std::string(kArrow);
  threshold += std::to_string(keys.threshold.after);
  if (keys.threshold.after < keys.threshold.before) threshold += " (LOWERED)";
  if (keys.threshold.after != 0) items.push_back(std::move(threshold));
}

std::string expiry_day(const std::string& expires) {
  constexpr std::string_view kMidnight = "T00:00:00Z";
  if (!expires.ends_with(kMidnight)) return expires;
  return expires.substr(0, expires.size() - kMidnight.size());
}

void append_root(const MetadataDifference& difference, const DifferenceTextOptions& options, Items& items) {
  for (const RoleKeysDifference& role : difference.roles)
    append_keys(role, role.role == "root" ? "" : role.role + ": ", options, items);
  if (difference.consistent_snapshot.differs())
    items.push_back(std::string("consistent_snapshot ") +
                    (difference.consistent_snapshot.after ? "on" : "OFF"));
}

void append_targets(const MetadataDifference& difference, const DifferenceTextOptions& options,
                    Items& items) {
  append_list(difference.added, options, items, "added", [](const TargetMention& target) {
    return std::string(kPlus) + display_name(target.path) +
           (target.hash.empty() ? "" : " " + short_digest(target.hash));
  });
  append_list(difference.removed, options, items, "removed",
              [](const TargetMention& target) { return std::string(kMinus) + display_name(target.path); });
  append_list(difference.changed, options, items, "changed", [](const TargetMention& target) {
    const std::string path = std::string(kTilde) + display_name(target.path);
    if (target.custom_only) return path + " (custom data changed)";
    return path + " (changed) " + short_digest(target.hash);
  });
}

void append_delegation(const DelegationDifference& delegation, const DifferenceTextOptions& options,
                       Items& items) {
  using Kind = DelegationDifference::Kind;
  const std::string name = "delegation " + display_name(delegation.name);
  if (delegation.kind == Kind::Removed) {
    items.push_back(std::string(kMinus) + name);
    return;
  }
  items.push_back(std::string(delegation.kind == Kind::Added ? kPlus : kTilde) + name);
  const std::string prefix = name + ": ";
  if (delegation.keys.any()) append_keys(delegation.keys, prefix, options, items);
  const auto path = [&](std::string_view sign) {
    return [&, sign](const std::string& text) {
      return prefix + std::string(sign) + "path " + display_name(text);
    };
  };
  append_list(delegation.paths_added, options, items, prefix + "paths added", path(kPlus));
  append_list(delegation.paths_removed, options, items, prefix + "paths removed", path(kMinus));
  if (delegation.terminating.differs())
    items.push_back(prefix + (delegation.terminating.after ? "now terminating" : "no longer terminating"));
  if (delegation.bit_length.differs())
    items.push_back(prefix + "2^" + std::to_string(delegation.bit_length.after) + " bins");
}

void append_delegations(const MetadataDifference& difference, const DifferenceTextOptions& options,
                        Items& items) {
  std::size_t shown = 0;
  for (const DelegationDifference& delegation : difference.delegations) {
    if (shown == options.max_entries) {
      items.push_back("and " + std::to_string(difference.delegations.size() - shown) + " more delegations");
      break;
    }
    append_delegation(delegation, options, items);
    ++shown;
  }
  if (difference.delegations_reordered) items.emplace_back("delegations in another order of priority");
}

std::string file_text(const FileMention& file) {
  using Kind = FileMention::Kind;
  const std::string name = display_name(file.name);
  const auto version = [](std::int64_t number) { return number == 0 ? "" : " " + std::to_string(number); };
  if (file.kind == Kind::Added) return std::string(kPlus) + name + version(file.version.after);
  if (file.kind == Kind::Removed) return std::string(kMinus) + name + version(file.version.before);
  if (!file.version.differs()) return std::string(kTilde) + name + version(file.version.after) + " (changed)";
  return std::string(kTilde) + name + version(file.version.before) + std::string(kArrow) +
         std::to_string(file.version.after) + (file.version.after < file.version.before ? " (LOWERED)" : "");
}

std::string cut(std::string text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;  // whole UTF-8 only
  return text.substr(0, end) + "… (cut)";
}

}  // namespace

std::string difference_title(const MetadataDifference& difference) {
  const std::string role = display_name(difference.role), version = std::to_string(difference.version);
  if (difference.supersedes) return "SUPERSEDES " + role + " " + version;
  if (!difference.from_version) return role + " " + version + " (the first)";
  if (*difference.from_version == difference.version) return role + " " + version + " (the same version)";
  return role + " " + std::to_string(*difference.from_version) + std::string(kArrow) + version;
}

std::vector<std::string> difference_items(const MetadataDifference& difference,
                                          const DifferenceTextOptions& options) {
  Items items;
  append_root(difference, options, items);
  append_delegations(difference, options, items);
  append_targets(difference, options, items);
  append_list(difference.files, options, items, "files", file_text);
  append_list(difference.others, options, items, "other members",
              [](const std::string& name) { return "other member " + display_name(name) + " changed"; });
  if (difference.spec_version.differs())
    items.push_back("spec_version " + display_name(difference.spec_version.before) + std::string(kArrow) +
                    display_name(difference.spec_version.after));
  if (difference.same_content()) items.emplace_back("no change of content");
  items.push_back(
      "expires " + expiry_day(difference.expires.after) +
      (difference.expires_sooner ? " (SOONER than " + expiry_day(difference.expires.before) + ")" : ""));
  return items;
}

std::string difference_line(const MetadataDifference& difference, const DifferenceTextOptions& options) {
  std::string line = difference_title(difference) + ": ";
  bool first = true;
  for (const std::string& item : difference_items(difference, options)) {
    if (!first) line += ", ";
    line += item;
    first = false;
  }
  return cut(std::move(line), options.max_bytes);
}

std::string difference_text(const MetadataDifference& difference, const DifferenceTextOptions& options) {
  std::string text = difference_title(difference);
  for (const std::string& item : difference_items(difference, options)) text += "\n  " + item;
  return cut(std::move(text), options.max_bytes);
}

}  // namespace signet
