#include <boost/json/array.hpp>

#include "protocol/difference_text.h"

namespace signet {
namespace {

namespace json = boost::json;

std::string_view word(DelegationDifference::Kind kind) {
  using Kind = DelegationDifference::Kind;
  return kind == Kind::Added ? "added" : kind == Kind::Removed ? "removed" : "changed";
}
std::string_view word(FileMention::Kind kind) {
  using Kind = FileMention::Kind;
  return kind == Kind::Added ? "added" : kind == Kind::Removed ? "removed" : "changed";
}

template <typename T>
json::object change(const Change<T>& value) {
  json::object out;
  out["before"] = value.before;
  out["after"] = value.after;
  return out;
}

template <typename List, typename ToJson>
json::object cut_list(const List& list, std::size_t max_entries, ToJson to_json) {
  json::array shown;
  for (const auto& element : list) {
    if (shown.size() == max_entries) break;
    shown.push_back(to_json(element));
  }
  json::object out;
  out["count"] = list.size();
  out["list"] = std::move(shown);
  return out;
}

json::value text_value(const std::string& text) {
  return json::value(json::string(text));
}

json::object keys_json(const RoleKeysDifference& keys, const DifferenceTextOptions& options) {
  const auto key_json = [&](const KeyMention& key) {
    const std::string name = options.name ? options.name(key) : std::string();
    json::object out;
    out["keyid"] = key.keyid;
    out["fingerprint"] = key.fingerprint.empty() ? json::value(nullptr) : text_value(key.fingerprint);
    out["name"] = name.empty() ? json::value(nullptr) : text_value(name);
    out["keyidMatches"] = key.keyid_matches;
    return json::value(std::move(out));
  };
  json::object out;
  out["role"] = keys.role;
  out["added"] = cut_list(keys.added, options.max_entries, key_json);
  out["removed"] = cut_list(keys.removed, options.max_entries, key_json);
  out["replaced"] = cut_list(keys.replaced, options.max_entries, key_json);
  out["threshold"] = change(keys.threshold);
  out["keys"] = change(keys.keys);
  return out;
}

json::object targets_json(const MetadataDifference& difference, std::size_t max_entries) {
  const auto target_json = [](const TargetMention& target) {
    json::object out;
    out["path"] = target.path;
    out["hash"] = target.hash;
    out["length"] = target.length;
    out["customOnly"] = target.custom_only;
    return json::value(std::move(out));
  };
  json::object out;
  out["added"] = cut_list(difference.added, max_entries, target_json);
  out["removed"] = cut_list(difference.removed, max_entries, target_json);
  out["changed"] = cut_list(difference.changed, max_entries, target_json);
  return out;
}

json::value delegation_json(const DelegationDifference& delegation, const DifferenceTextOptions& options) {
  json::object out;
  out["kind"] = word(delegation.kind);
  out["name"] = delegation.name;
  out["keys"] = keys_json(delegation.keys, options);
  out["pathsAdded"] = cut_list(delegation.paths_added, options.max_entries, text_value);
  out["pathsRemoved"] = cut_list(delegation.paths_removed, options.max_entries, text_value);
  out["terminating"] = change(delegation.terminating);
  out["bitLength"] = change(delegation.bit_length);
  return out;
}

json::value file_json(const FileMention& file) {
  json::object out;
  out["kind"] = word(file.kind);
  out["name"] = file.name;
  out["version"] = change(file.version);
  return out;
}

}  // namespace

json::object difference_json(const MetadataDifference& difference, const DifferenceTextOptions& options) {
  json::object out;
  out["role"] = difference.role;
  out["type"] = to_string(difference.type);
  out["from"] = difference.from_version ? json::value(*difference.from_version) : json::value(nullptr);
  out["version"] = difference.version;
  out["supersedes"] = difference.supersedes;
  out["expires"] = change(difference.expires);
  json::array roles;  // four at most
  for (const RoleKeysDifference& role : difference.roles) roles.push_back(keys_json(role, options));
  out["roles"] = std::move(roles);
  out["consistentSnapshot"] = change(difference.consistent_snapshot);
  out["specVersion"] = change(difference.spec_version);
  out["targets"] = targets_json(difference, options.max_entries);
  out["delegations"] =
      cut_list(difference.delegations, options.max_entries,
               [&](const DelegationDifference& delegation) { return delegation_json(delegation, options); });
  out["delegationsReordered"] = difference.delegations_reordered;
  out["files"] = cut_list(difference.files, options.max_entries, file_json);
  out["others"] = cut_list(difference.others, options.max_entries, text_value);
  out["warnings"] = cut_list(difference.warnings, options.max_entries, text_value);
  return out;
}

}  // namespace signet
