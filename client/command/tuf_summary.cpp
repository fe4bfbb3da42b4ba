#include "client/command/tuf_summary.h"

#include <algorithm>
#include <utility>

#include "client/command/describe.h"
#include "protocol/public_key.h"
#include "protocol/signature.h"
#include "protocol/threshold.h"

namespace signet::client {
namespace {

constexpr std::size_t kShownTargets = 20;

std::string short_id(const std::string& keyid) {
  return printable(keyid.substr(0, 16));
}

std::string keyids_text(const RoleKeys& keys) {
  std::string text = std::to_string(keys.threshold) + " of " + std::to_string(keys.keyids.size()) + ":";
  for (const auto& keyid : keys.keyids) text += " " + short_id(keyid);
  return text;
}

std::string keys_text(const Signed& content) {
  if (content.keys.empty()) return {};
  std::vector<std::vector<std::string>> rows;
  for (const auto& [keyid, key] : content.keys) {
    const std::string algorithm = key.key ? std::string(to_string(key.key->algorithm())) : "not known here";
    rows.push_back(
        {keyid.substr(0, 16), algorithm, key.scheme, key.keyid_matches ? "" : "the id is not the key's own"});
  }
  return "\n" + table({"KEY", "ALGORITHM", "SCHEME", ""}, rows);
}

std::string roles_text(const Signed& content) {
  if (content.roles.empty()) return {};
  std::vector<std::vector<std::string>> rows;
  for (const auto& [role, keys] : content.roles) rows.push_back({role, keyids_text(keys)});
  return "\n" + table({"ROLE", "KEYS NEEDED"}, rows);
}

std::string delegations_text(const Signed& content) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& role : content.delegations) {
    std::string paths = join_words(role.paths);
    if (!role.path_hash_prefixes.empty()) paths += "path hashes " + join_words(role.path_hash_prefixes);
    rows.push_back({role.name, keyids_text(role.keys), paths, role.terminating ? "terminating" : ""});
  }
  if (content.succinct)
    rows.push_back({content.succinct->name_prefix + "-*", keyids_text(content.succinct->keys),
                    "2^" + std::to_string(content.succinct->bit_length) + " bins", ""});
  return rows.empty() ? std::string() : "\n" + table({"DELEGATION", "KEYS NEEDED", "PATHS", ""}, rows);
}

std::string targets_text(const Signed& content) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [path, target] : content.targets) {
    if (rows.size() == kShownTargets) break;
    const auto hash = target.hashes.find("sha256");
    rows.push_back(
        {path, std::to_string(target.length), hash == target.hashes.end() ? "" : hash->second.substr(0, 16)});
  }
  if (rows.empty()) return {};
  std::string text = "\n" + table({"TARGET", "BYTES", "SHA-256"}, rows);
  if (content.targets.size() > rows.size())
    text += "… and " + std::to_string(content.targets.size() - rows.size()) + " more (--json lists all)\n";
  return text;
}

std::string meta_text(const Signed& content) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, meta] : content.meta)
    rows.push_back({name, meta.version == 0 ? "" : std::to_string(meta.version),
                    meta.length ? std::to_string(*meta.length) : ""});
  return rows.empty() ? std::string() : "\n" + table({"FILE", "VERSION", "BYTES"}, rows);
}

std::string_view word(SignatureState state) {
  switch (state) {
    case SignatureState::Good:
      return "verifies";
    case SignatureState::Bad:
      return "does NOT verify";
    case SignatureState::Empty:
      return "is empty";
    case SignatureState::Unknown:
      break;
  }
  return "cannot be judged: its key is not known here (--root)";
}

std::string signatures_text(const std::vector<SignatureSummary>& signatures, const Paint& paint) {
  if (signatures.empty()) return "\nIt has no signature.\n";
  std::string text = "\n";
  for (const auto& one : signatures) {
    const Color color = one.state == SignatureState::Good  ? Color::Good
                        : one.state == SignatureState::Bad ? Color::Bad
                                                           : Color::Notice;
    text += "The signature of " + short_id(one.keyid) + " " + paint(color, word(one.state)) + ".\n";
  }
  return text;
}

// The keys that may sign the file, as far as they are known.
std::vector<MetadataKey> known_keys(const MetadataFile& file, const std::optional<Signed>& delegator,
                                    const std::string& role) {
  std::vector<MetadataKey> keys;
  if (file.content.type == RoleType::Root)
    for (const auto& [keyid, key] : file.content.keys) keys.push_back(key);
  if (!delegator) return keys;
  if (auto delegated = delegated_keys(*delegator, role))
    for (const auto& key : delegated->keys) keys.push_back(key);
  return keys;
}

}  // namespace

std::vector<SignatureSummary> judge_signatures(const MetadataFile& file,
                                               const std::optional<Signed>& delegator,
                                               const std::string& role) {
  const std::vector<MetadataKey> keys = known_keys(file, delegator, role);
  std::vector<SignatureSummary> all;
  for (const auto& entry : file.signatures) {
    SignatureSummary summary;
    summary.keyid = entry.keyid;
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [&](const MetadataKey& one) { return one.keyid == entry.keyid; });
    if (entry.signature.empty())
      summary.state = SignatureState::Empty;
    else if (key != keys.end() && key->key)
      summary.state =
          verify_metadata_signature(*key->key, file.content.format, as_bytes(file.canonical), entry)
              ? SignatureState::Good
              : SignatureState::Bad;
    all.push_back(std::move(summary));
  }
  return all;
}

std::string summary_text(const MetadataFile& file, const std::vector<SignatureSummary>& signatures,
                         std::chrono::sys_seconds now, const Paint& paint) {
  const Signed& content = file.content;
  const bool expired = content.expires_at <= now;
  const std::string format =
      content.format == MetadataFormat::Tuf ? "TUF " + content.spec_version : "Notary v1";
  std::string text = std::string(to_string(content.type)) + ", version " + std::to_string(content.version) +
                     " (" + printable(format) + ")\n" + "  expires  " + printable(content.expires) + ", " +
                     paint(expired ? Color::Bad : Color::None, relative_time(content.expires_at, now)) +
                     "\n" + "  sha256   " + sha256_hex(as_bytes(file.canonical)) + " of \"signed\"\n";
  if (content.type == RoleType::Root)
    text += "  consistent snapshots: " + std::string(content.consistent_snapshot ? "yes" : "no") + "\n";
  for (const auto& warning : content.warnings)
    text += "  " + paint(Color::Notice, "warning") + "  " + printable(warning) + "\n";
  return text + keys_text(content) + roles_text(content) + delegations_text(content) + targets_text(content) +
         meta_text(content) + signatures_text(signatures, paint);
}

boost::json::object summary_json(const MetadataFile& file, const std::vector<SignatureSummary>& signatures) {
  static constexpr std::string_view kStates[] = {"good", "bad", "unknown", "empty"};
  boost::json::array entries;
  for (const auto& one : signatures) {
    boost::json::object entry;
    const std::string_view state = kStates[static_cast<int>(one.state)];
    entry["keyid"] = one.keyid;
    entry["state"] = boost::json::string_view(state.data(), state.size());
    entries.push_back(std::move(entry));
  }
  const std::string type(to_string(file.content.type)), format(to_string(file.content.format));
  boost::json::object json;
  json["type"] = type;
  json["format"] = format;
  json["version"] = file.content.version;
  json["expires"] = file.content.expires;
  json["digest"] = sha256_hex(as_bytes(file.canonical));
  json["warnings"] = to_json(file.content.warnings);
  json["signatures"] = std::move(entries);
  json["signed"] = file.signed_object;
  return json;
}

}  // namespace signet::client
