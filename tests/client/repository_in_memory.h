// A small TUF repository in memory, signed by keys of the test. Tests change it before they look at it.
#pragma once

#include <boost/json/object.hpp>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "client/tuf/repository_check.h"
#include "client/tuf/role_name.h"
#include "protocol/canonical_json.h"
#include "protocol/signature.h"
#include "tests/protocol/test_documents.h"

namespace signet::test {

using boost::json::object;
using client::CheckOptions;
using client::CheckReport;
using client::ContentDigest;
using client::Finding;
using client::RepositorySource;
using enum KeyAlgorithm;

inline constexpr auto kTuf = MetadataFormat::Tuf;
inline constexpr std::chrono::sys_seconds kNow{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22}};
using Keys = std::vector<const TestKey*>;

inline std::string keyid(const TestKey* key) {
  return metadata_keyid(key->public_key(), kTuf);
}

inline std::string sign(const object& content, const Keys& keys) {
  const std::string canonical = canonical_json(content).value();
  boost::json::array signatures;
  for (const auto* key : keys) {
    const auto scheme = metadata_scheme(key->public_key().algorithm(), kTuf);
    signatures.push_back(
        metadata_signature_object(key->public_key(), keyid(key), kTuf, key->sign(scheme, as_bytes(canonical)))
            .value());
  }
  return write_metadata_file(content, signatures, kTuf);
}

inline object base(const char* type, std::int64_t version) {
  return {
      {"_type", type}, {"spec_version", "1.0.31"}, {"version", version}, {"expires", "2030-01-01T00:00:00Z"}};
}

inline object key_objects(const Keys& keys) {
  object all;
  for (const auto* key : keys) all[keyid(key)] = metadata_key_object(key->public_key(), kTuf);
  return all;
}

inline object role_keys(const Keys& keys, int threshold) {
  boost::json::array ids;
  for (const auto* key : keys) ids.emplace_back(keyid(key));
  return {{"keyids", ids}, {"threshold", threshold}};
}

inline object meta_of(const std::string& text, std::int64_t version) {
  return {{"version", version},
          {"length", text.size()},
          {"hashes", object({{"sha256", sha256_hex(as_bytes(text))}})}};
}

inline object target_of(const std::string& text) {
  return {{"length", text.size()}, {"hashes", object({{"sha256", sha256_hex(as_bytes(text))}})}};
}

// Root 1 and 2 (threshold 2 of 2), targets 3, delegation "releases" 1 with a key of its own, snapshot 4,
// timestamp 5.
struct Repository : RepositorySource {
  const TestKey* root_a = &test_key(EcdsaP256, 0);
  const TestKey* root_b = &test_key(Ed25519, 0);
  const TestKey* online = &test_key(Ed25519, 1);
  const TestKey* release = &test_key(EcdsaP384, 0);
  bool consistent = true;
  std::string delegation = "releases/v1";
  object root1, root2, targets, releases;
  std::map<std::string, std::string> files, contents;
  Keys snapshot_signers{online};

  Repository() {
    root1 = make_root(1, {root_a, root_b});
    root2 = make_root(2, {root_a, root_b});
    contents["README"] = "read me";
    contents["releases/tool.tar"] = std::string(100'000, 't');
    targets = base("targets", 3);
    targets["targets"] = object({{"README", target_of(contents["README"])}});
    releases = base("targets", 1);
    releases["targets"] = object({{"releases/tool.tar", target_of(contents["releases/tool.tar"])}});
    delegate();
    publish();
  }

  object make_root(std::int64_t version, const Keys& root_keys) const {
    object root = base("root", version);
    Keys all = root_keys;
    all.push_back(online);
    root["consistent_snapshot"] = consistent;
    root["keys"] = key_objects(all);
    root["roles"] = object({{"root", role_keys(root_keys, 2)},
                            {"targets", role_keys({online}, 1)},
                            {"snapshot", role_keys({online}, 1)},
                            {"timestamp", role_keys({online}, 1)}});
    return root;
  }

  void delegate() {
    object role = role_keys({release}, 1);
    role["name"] = delegation;
    role["paths"] = boost::json::array({"releases/*"});
    role["terminating"] = false;
    targets["delegations"] =
        object({{"keys", key_objects({release})}, {"roles", boost::json::array({role})}});
  }

  std::string named(std::int64_t version, const std::string& role) const {
    return (consistent ? std::to_string(version) + "." : "") + client::file_of_role(role);
  }

  // Signs everything anew and links it.
  void publish() {
    files.clear();
    files["1.root.json"] = sign(root1, {root_a, root_b});
    files["2.root.json"] = sign(root2, {root_a, root_b});
    const std::string targets_text = sign(targets, {online}), releases_text = sign(releases, {release});
    files[named(3, "targets")] = targets_text;
    files[named(1, delegation)] = releases_text;
    object snapshot = base("snapshot", 4);
    snapshot["meta"] = object(
        {{"targets.json", meta_of(targets_text, 3)}, {delegation + ".json", meta_of(releases_text, 1)}});
    publish_snapshot(snapshot);
  }

  void publish_snapshot(const object& snapshot) {
    const std::string text = sign(snapshot, snapshot_signers);
    files[named(4, "snapshot")] = text;
    object timestamp = base("timestamp", 5);
    timestamp["meta"] = object({{"snapshot.json", meta_of(text, 4)}});
    files["timestamp.json"] = sign(timestamp, {online});
  }

  Result<std::optional<std::string>> metadata(const std::string& name) override {
    const auto found = files.find(name);
    return found == files.end() ? std::optional<std::string>() : std::optional<std::string>(found->second);
  }
  // Target files lie under their hash's name where snapshots are consistent.
  Result<std::optional<ContentDigest>> target(const std::string& place) override {
    for (const auto& [path, content] : contents) {
      const auto slash = path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1;
      const std::string hashed = path.substr(0, slash) + original_hash(path) + "." + path.substr(slash);
      if (place == (consistent ? hashed : path))
        return std::optional<ContentDigest>(client::digest_of(content));
    }
    return std::optional<ContentDigest>();
  }
  std::string original_hash(const std::string& path) const {
    const object& listed = path == "README" ? targets : releases;
    return std::string(listed.at("targets").at(path).at("hashes").at("sha256").as_string());
  }

  CheckReport check(bool allow_expired = false) {
    CheckOptions options;
    options.now = kNow;
    options.allow_expired = allow_expired;
    auto report = client::check_repository("anchor", sign(root1, {root_a, root_b}), *this, options);
    REQUIRE(report);
    return std::move(*report);
  }
  // "FILE: MESSAGE" of everything bad.
  std::string faults(bool allow_expired = false) {
    std::string text;
    for (const auto& step : check(allow_expired).steps)
      if (step.finding == Finding::Bad) text += step.file + ": " + step.message + "\n";
    return text;
  }
};

}  // namespace signet::test
