#include "tests/protocol/test_documents.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "protocol/canonical_json.h"
#include "tests/build_paths.h"

namespace signet::test {
namespace {

namespace json = boost::json;

const std::string kSha256(64, 'a');
const std::string kSha256Base64 = std::string(42, 'q') + "g=";

json::object keys_of(std::initializer_list<KeyAlgorithm> algorithms, MetadataFormat format) {
  json::object keys;
  for (const KeyAlgorithm algorithm : algorithms)
    keys[id_of(algorithm, format)] = metadata_key_object(test_key(algorithm).public_key(), format);
  return keys;
}

json::object role_of(std::initializer_list<KeyAlgorithm> algorithms, MetadataFormat format) {
  json::array keyids;
  for (const KeyAlgorithm algorithm : algorithms) keyids.emplace_back(id_of(algorithm, format));
  json::object role;
  role["keyids"] = std::move(keyids);
  role["threshold"] = 1;
  return role;
}

json::object common(std::string_view type, MetadataFormat format) {
  json::object out;
  out["_type"] = type;
  out["version"] = 1;
  out["expires"] = "2036-01-02T03:04:05Z";
  if (format == MetadataFormat::Tuf) out["spec_version"] = "1.0.31";
  return out;
}

Document root(std::string_view type, MetadataFormat format) {
  using enum KeyAlgorithm;
  json::object out = common(type, format);
  out["consistent_snapshot"] = true;
  out["keys"] = keys_of({EcdsaP256, Ed25519}, format);
  json::object roles;
  roles["root"] = role_of({EcdsaP256, Ed25519}, format);
  for (const char* role : {"targets", "snapshot", "timestamp"}) roles[role] = role_of({EcdsaP256}, format);
  out["roles"] = std::move(roles);
  return {std::move(out), format};
}

json::object tuf_role(std::string_view name) {
  json::object role = role_of({KeyAlgorithm::EcdsaP256}, MetadataFormat::Tuf);
  role["name"] = name;
  role["terminating"] = false;
  return role;
}

std::vector<std::string> tokens_of(std::string_view pointer) {
  std::vector<std::string> tokens;
  while (!pointer.empty()) {
    const std::size_t end = std::min(pointer.find('/', 1), pointer.size());
    std::string token(pointer.substr(1, end - 1));
    for (const auto& [escape, plain] : {std::pair("~1", "/"), std::pair("~0", "~")})
      for (std::size_t at = 0; (at = token.find(escape, at)) != std::string::npos; ++at)
        token.replace(at, 2, plain);
    tokens.push_back(std::move(token));
    pointer.remove_prefix(end);
  }
  return tokens;
}

json::value& child(json::value& parent, const std::string& token) {
  if (parent.is_object()) return parent.as_object()[token];
  json::array& array = parent.as_array();
  if (token == "-") return array.emplace_back(nullptr);
  return array.at(std::stoul(token));
}

}  // namespace

std::string read_data(std::string_view path) {
  const std::string name = source_dir() + "/tests/protocol/data/" + std::string(path);
  std::ifstream file(name, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + name);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

Document Document::with(std::string_view pointer, json::value value) const {
  Document changed = *this;
  json::value* at = &changed.value_;
  for (const std::string& token : tokens_of(pointer)) {
    if (at->is_null()) *at = json::object();
    at = &child(*at, token);
  }
  *at = std::move(value);
  return changed;
}

Document Document::without(std::string_view pointer) const {
  Document changed = *this;
  const std::vector<std::string> tokens = tokens_of(pointer);
  json::value* at = &changed.value_;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) at = &child(*at, tokens[i]);
  if (at->is_object() ? at->as_object().erase(tokens.back()) != 1 : true)
    throw std::logic_error("nothing to remove at " + std::string(pointer));
  return changed;
}

std::string Document::verdict() const {
  return test::verdict(parse_signed(canonical_json(value_).value(), format_));
}

Signed Document::parse() const {
  return parse_signed(canonical_json(value_).value(), format_).value();
}

Document tuf_root() {
  return root("root", MetadataFormat::Tuf);
}

Document tuf_targets() {
  json::object out = common("targets", MetadataFormat::Tuf);
  json::object delegations;
  delegations["keys"] = keys_of({KeyAlgorithm::EcdsaP256, KeyAlgorithm::Ed25519}, MetadataFormat::Tuf);
  json::object release = tuf_role("release");
  release["paths"] = json::array{"dir/*"};
  json::object bins = tuf_role("bins");
  bins["path_hash_prefixes"] = json::array{"8f"};
  delegations["roles"] = json::array{std::move(release), std::move(bins)};
  out["delegations"] = std::move(delegations);
  out["targets"] = json::object();
  return Document(std::move(out), MetadataFormat::Tuf)
      .with("/targets/dir~1file/length", 5)
      .with("/targets/dir~1file/hashes/sha256", kSha256);
}

Document tuf_snapshot() {
  return Document(common("snapshot", MetadataFormat::Tuf), MetadataFormat::Tuf)
      .with("/meta/targets.json/version", 7)
      .with("/meta/release.json/version", 1)
      .with("/meta/release.json/length", 100)
      .with("/meta/release.json/hashes/sha256", kSha256);
}

Document tuf_timestamp() {
  return Document(common("timestamp", MetadataFormat::Tuf), MetadataFormat::Tuf)
      .with("/meta/snapshot.json/version", 3);
}

Document notary_root() {
  return root("Root", MetadataFormat::Notary);
}

Document notary_targets() {
  json::object out = common("Targets", MetadataFormat::Notary);
  json::object delegations;
  delegations["keys"] = keys_of({KeyAlgorithm::EcdsaP256, KeyAlgorithm::Ed25519}, MetadataFormat::Notary);
  json::object releases = role_of({KeyAlgorithm::EcdsaP256}, MetadataFormat::Notary);
  releases["name"] = "targets/releases";
  releases["paths"] = json::array{""};
  delegations["roles"] = json::array();
  delegations["roles"].as_array().push_back(std::move(releases));
  out["delegations"] = std::move(delegations);
  return Document(std::move(out), MetadataFormat::Notary)
      .with("/targets/v1/length", 5)
      .with("/targets/v1/hashes/sha256", kSha256Base64);
}

Document notary_snapshot() {
  Document out(common("Snapshot", MetadataFormat::Notary), MetadataFormat::Notary);
  for (const char* name : {"/meta/root", "/meta/targets", "/meta/targets~1releases"})
    out =
        out.with(name + std::string("/length"), 9).with(name + std::string("/hashes/sha256"), kSha256Base64);
  return out;
}

Document notary_timestamp() {
  return Document(common("Timestamp", MetadataFormat::Notary), MetadataFormat::Notary)
      .with("/meta/snapshot/length", 9)
      .with("/meta/snapshot/hashes/sha256", kSha256Base64);
}

std::string id_of(KeyAlgorithm algorithm, MetadataFormat format, int number) {
  return metadata_keyid(test_key(algorithm, number).public_key(), format);
}

MetadataFile sign_file(const json::object& content, MetadataFormat format,
                       const std::vector<Signer>& signers) {
  const std::string canonical = canonical_json(content).value();
  json::array signatures;
  for (const auto& [key, keyid] : signers) {
    const SignatureScheme scheme = metadata_scheme(key.public_key().algorithm(), format);
    const Bytes raw = key.sign(scheme, as_bytes(canonical));
    signatures.push_back(metadata_signature_object(key.public_key(), keyid, format, raw).value());
  }
  return parse_metadata_file(write_metadata_file(content, signatures, format), format).value();
}

}  // namespace signet::test
