// TUF 1.0.x: what is read, and every refusal with its reason and its place.
#include <catch2/catch.hpp>

#include "protocol/canonical_json.h"
#include "tests/protocol/test_documents.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;
using enum KeyAlgorithm;

namespace {

std::string key_path(KeyAlgorithm algorithm, std::string_view rest = "") {
  return "/keys/" + id_of(algorithm, MetadataFormat::Tuf) + std::string(rest);
}
json::string keyid(KeyAlgorithm algorithm, int number = 0) {
  return json::string(id_of(algorithm, MetadataFormat::Tuf, number));
}
json::object key_object(KeyAlgorithm algorithm, int number = 0) {
  return metadata_key_object(test_key(algorithm, number).public_key(), MetadataFormat::Tuf);
}
std::size_t warnings_with(const Signed& content, std::string_view text) {
  std::size_t count = 0;
  for (const std::string& warning : content.warnings) count += warning.find(text) != std::string::npos;
  return count;
}

}  // namespace

TEST_CASE("TUF: the base documents are read") {
  const Signed root = tuf_root().parse();
  CHECK(root.type == RoleType::Root);
  CHECK(root.format == MetadataFormat::Tuf);
  CHECK(root.version == 1);
  CHECK(root.expires == "2036-01-02T03:04:05Z");
  CHECK(root.expires_at.time_since_epoch().count() == 2082855845);
  CHECK(root.spec_version == "1.0.31");
  CHECK(root.consistent_snapshot);
  CHECK(root.keys.size() == 2);
  CHECK(root.roles.size() == 4);
  CHECK(root.roles.at("root").keyids.size() == 2);
  CHECK(root.keys.at(id_of(Ed25519, MetadataFormat::Tuf)).key == test_key(Ed25519).public_key());
  CHECK(root.keys.at(id_of(Ed25519, MetadataFormat::Tuf)).scheme == "ed25519");
  CHECK(root.warnings.empty());

  const Signed targets = tuf_targets().parse();
  CHECK(targets.targets.at("dir/file").length == 5);
  CHECK(targets.targets.at("dir/file").hashes.at("sha256") == std::string(64, 'a'));
  REQUIRE(targets.delegations.size() == 2);
  CHECK(targets.delegations[0].name == "release");
  CHECK(targets.delegations[0].paths == std::vector<std::string>{"dir/*"});
  CHECK(targets.delegations[1].path_hash_prefixes == std::vector<std::string>{"8f"});
  CHECK_FALSE(targets.succinct);

  const Signed snapshot = tuf_snapshot().parse();
  CHECK(snapshot.meta.at("targets.json").version == 7);
  CHECK_FALSE(snapshot.meta.at("targets.json").length);
  CHECK(snapshot.meta.at("release.json").length == 100);
  CHECK(tuf_timestamp().parse().meta.at("snapshot.json").version == 3);
}

TEST_CASE("TUF: unknown members are tolerated, as the specification asks") {
  CHECK(tuf_root().with("/x-note", "anything").with("/roles/root/x", json::array{1}).verdict() == "accepted");
  CHECK(
      tuf_targets().with("/targets/dir~1file/custom/a", "b").parse().targets.at("dir/file").custom.at("a") ==
      "b");
  CHECK(tuf_root().without("/consistent_snapshot").verdict() == "accepted");
  CHECK(tuf_targets().without("/delegations").verdict() == "accepted");
}

TEST_CASE("TUF: missing members are refused by name") {
  for (const char* member : {"_type", "version", "expires", "spec_version", "keys", "roles"}) {
    CAPTURE(member);
    const Document changed = tuf_root().without("/" + std::string(member));
    CHECK(changed.verdict() == "missing-member ");
    const auto result = parse_signed(canonical_json(changed.object()).value(), MetadataFormat::Tuf);
    CHECK(result.error().message.find("\"" + std::string(member) + "\"") != std::string::npos);
  }
  for (const char* role : {"root", "targets", "snapshot", "timestamp"})
    CHECK(tuf_root().without("/roles/" + std::string(role)).verdict() == "missing-member /roles");
  for (const char* member : {"keyids", "threshold"})
    CHECK(tuf_root().without("/roles/root/" + std::string(member)).verdict() == "missing-member /roles/root");
  for (const char* member : {"keytype", "scheme", "keyval"})
    CHECK(tuf_root().without(key_path(Ed25519, "/") + member).verdict() ==
          "missing-member " + key_path(Ed25519));
  CHECK(tuf_root().without(key_path(Ed25519, "/keyval/public")).verdict() ==
        "missing-member " + key_path(Ed25519, "/keyval"));
  CHECK(tuf_targets().without("/targets").verdict() == "missing-member ");
  for (const char* member : {"length", "hashes"})
    CHECK(tuf_targets().without("/targets/dir~1file/" + std::string(member)).verdict() ==
          "missing-member /targets/dir~1file");
  for (const char* member : {"keys"})
    CHECK(tuf_targets().without("/delegations/" + std::string(member)).verdict() ==
          "missing-member /delegations");
  for (const char* member : {"name", "keyids", "threshold", "terminating"})
    CHECK(tuf_targets().without("/delegations/roles/0/" + std::string(member)).verdict() ==
          "missing-member /delegations/roles/0");
  CHECK(tuf_snapshot().without("/meta").verdict() == "missing-member ");
  CHECK(tuf_snapshot().without("/meta/targets.json").verdict() == "missing-member /meta");
  CHECK(tuf_snapshot().without("/meta/release.json/version").verdict() ==
        "missing-member /meta/release.json");
  CHECK(tuf_timestamp().without("/meta/snapshot.json").verdict() == "missing-member /meta");
}

TEST_CASE("TUF: members of another kind are refused where they stand") {
  for (const char* pointer :
       {"/_type", "/version", "/expires", "/spec_version", "/consistent_snapshot", "/keys", "/roles",
        "/roles/root", "/roles/root/keyids", "/roles/root/keyids/0", "/roles/root/threshold"}) {
    CAPTURE(pointer);
    CHECK(tuf_root().with(pointer, nullptr).verdict() == "type " + std::string(pointer));
  }
  for (const char* part : {"", "/keytype", "/scheme", "/keyval", "/keyval/public"})
    CHECK(tuf_root().with(key_path(Ed25519, part), 1).verdict() == "type " + key_path(Ed25519, part));
  for (const char* pointer :
       {"/targets", "/targets/dir~1file", "/targets/dir~1file/length", "/targets/dir~1file/hashes",
        "/targets/dir~1file/hashes/sha256", "/targets/dir~1file/custom", "/delegations", "/delegations/keys",
        "/delegations/roles", "/delegations/roles/0", "/delegations/roles/0/name",
        "/delegations/roles/0/terminating", "/delegations/roles/0/paths", "/delegations/roles/0/paths/0",
        "/delegations/roles/1/path_hash_prefixes", "/delegations/roles/1/path_hash_prefixes/0"}) {
    CAPTURE(pointer);
    CHECK(tuf_targets().with(pointer, nullptr).verdict() == "type " + std::string(pointer));
  }
  for (const char* pointer : {"/meta", "/meta/release.json", "/meta/release.json/version",
                              "/meta/release.json/length", "/meta/release.json/hashes"})
    CHECK(tuf_snapshot().with(pointer, "x").verdict() == "type " + std::string(pointer));
  CHECK(verdict(parse_signed("[]", MetadataFormat::Tuf)) == "type ");
}

TEST_CASE("TUF: the type is one of four, in lower case") {
  for (const char* type : {"Root", "mirrors", "", "role"})
    CHECK(tuf_root().with("/_type", type).verdict() == "type /_type");
}

TEST_CASE("TUF: versions go from 1 to 2^53") {
  CHECK(tuf_root().with("/version", kMaxVersion).verdict() == "accepted");
  CHECK(tuf_root().with("/version", 0).verdict() == "range /version");
  CHECK(tuf_root().with("/version", -1).verdict() == "range /version");
  CHECK(tuf_snapshot().with("/meta/targets.json/version", 0).verdict() == "range /meta/targets.json/version");
  // 2^53 + 1 is no integer that every reader holds, so that the JSON reader refuses it first.
  std::string text = canonical_json(tuf_root().object()).value();
  text.replace(text.find("\"version\":1"), 11, "\"version\":9007199254740993");
  CHECK(verdict(parse_signed(text, MetadataFormat::Tuf)) ==
        "integer-range @" + std::to_string(text.find("9007199254740993")));
}

TEST_CASE("TUF: the specification's version is 1.X or 1.X.Y") {
  for (const char* version : {"1.0", "1.0.0", "1.0.31", "1.12.9"})
    CHECK(tuf_root().with("/spec_version", version).verdict() == "accepted");
  for (const char* version :
       {"", "1", "1.", "2.0.0", "1.0.", "1..0", "1.0.0.0", "1.a", "v1.0", "10.0", "1.0-rc"})
    CHECK(tuf_root().with("/spec_version", version).verdict() == "spec-version /spec_version");
}

TEST_CASE("TUF: an expiry is an existing time to the second") {
  for (const char* time : {"2024-02-29T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"})
    CHECK(tuf_root().with("/expires", time).verdict() == "accepted");
  for (const char* time : {"",
                           "2036-01-02",
                           "2036-01-02T03:04:05",
                           "2036-01-02T03:04:05+00:00",
                           "2036-01-02T03:04:05.5Z",
                           "2036-01-02 03:04:05Z",
                           "2036-01-02t03:04:05Z",
                           "2036-01-02T03:04:05z",
                           "2036-1-02T03:04:05Z",
                           "2036-13-02T03:04:05Z",
                           "2036-00-02T03:04:05Z",
                           "2036-02-30T03:04:05Z",
                           "2023-02-29T03:04:05Z",
                           "2036-01-00T03:04:05Z",
                           "2036-01-02T24:00:00Z",
                           "2036-01-02T03:60:05Z",
                           "2036-01-02T03:04:60Z",
                           "0000-01-01T00:00:00Z",
                           "2036-01-02T03:04:05Z ",
                           "+036-01-02T03:04:05Z",
                           "12036-01-02T03:04:05Z"}) {
    CAPTURE(time);
    CHECK(tuf_root().with("/expires", time).verdict() == "expires /expires");
  }
}

TEST_CASE("TUF: a role names each of its keys once, and only keys that there are") {
  CHECK(tuf_root().with("/roles/root/keyids/-", keyid(Ed25519)).verdict() ==
        "key-twice /roles/root/keyids/2");
  CHECK(tuf_root().with("/roles/root/keyids/-", "0123").verdict() == "undefined-key /roles/root/keyids/2");
  CHECK(
      tuf_root().with("/keys/other", key_object(EcdsaP256)).with("/roles/root/keyids/-", "other").verdict() ==
      "key-twice /roles/root/keyids/2");
  // The same public key, the other form of its PEM.
  json::object spaced = key_object(EcdsaP256);
  spaced["keyval"].as_object()["public"] = test_key(EcdsaP256).public_key().pem() + "\n";
  CHECK(tuf_root().with("/keys/other", spaced).with("/roles/root/keyids/-", "other").verdict() ==
        "key-twice /roles/root/keyids/2");
  CHECK(tuf_targets().with("/delegations/roles/0/keyids/-", keyid(EcdsaP256)).verdict() ==
        "key-twice /delegations/roles/0/keyids/1");
  // In two roles it may stand.
  CHECK(tuf_root().with("/roles/targets/keyids/-", keyid(Ed25519)).verdict() == "accepted");
}

TEST_CASE("TUF: a threshold is between 1 and the number of the role's keys") {
  CHECK(tuf_root().with("/roles/root/threshold", 2).parse().roles.at("root").threshold == 2);
  CHECK(tuf_root().with("/roles/root/threshold", 3).verdict() == "threshold /roles/root/threshold");
  CHECK(tuf_root().with("/roles/root/threshold", 0).verdict() == "range /roles/root/threshold");
  CHECK(tuf_root().with("/roles/root/threshold", -1).verdict() == "range /roles/root/threshold");
  CHECK(tuf_root().with("/roles/timestamp/keyids", json::array()).verdict() ==
        "threshold /roles/timestamp/threshold");
  CHECK(tuf_targets().with("/delegations/roles/1/threshold", 2).verdict() ==
        "threshold /delegations/roles/1/threshold");
}

TEST_CASE("TUF: a root has the four top-level roles and no other") {
  CHECK(tuf_root().with("/roles/release", tuf_root().object().at("roles").at("root")).verdict() ==
        "role-name /roles/release");
}

TEST_CASE("TUF: more than 256 keys in a role or 1024 in all are refused") {
  const auto with_keys = [](int count, int in_role) {
    Document out = tuf_root();
    json::object keys = out.object().at("keys").as_object();
    json::array keyids = out.object().at("roles").at("root").at("keyids").as_array();
    json::object unknown = key_object(Ed25519);
    unknown["keytype"] = "future";
    for (int i = 0; i < count - 2; ++i) {
      keys["k" + std::to_string(i)] = unknown;
      if (i < in_role - 2) keyids.emplace_back("k" + std::to_string(i));
    }
    return out.with("/keys", keys).with("/roles/root/keyids", keyids);
  };
  CHECK(with_keys(1024, 256).verdict() == "accepted");
  CHECK(with_keys(1024, 257).verdict() == "limit /roles/root/keyids");
  CHECK(with_keys(1025, 2).verdict() == "limit /keys");
}

TEST_CASE("TUF: keys that Signet cannot use are kept, warned of, and have no public key") {
  const std::pair<const char*, json::value> changes[] = {{"/keytype", "future"},
                                                         {"/keytype", "rsa"},
                                                         {"/scheme", "ed25519ph"},
                                                         {"/scheme", "rsassa-pss-sha256"},
                                                         {"/keyval/public", ""},
                                                         {"/keyval/public", "zz"},
                                                         {"/keyval/public", json::string(64, '0')},
                                                         {"/keyval/public", "0102"}};
  for (const auto& [part, value] : changes) {
    CAPTURE(part, value);
    const Signed content = tuf_root().with(key_path(Ed25519, part), value).parse();
    const MetadataKey& key = content.keys.at(id_of(Ed25519, MetadataFormat::Tuf));
    CHECK_FALSE(key.key);
    CHECK_FALSE(key.keyid_matches);
    CHECK(warnings_with(content, "never counts") == 1);
    CHECK(content.roles.at("root").keyids.size() == 2);
  }
  // P-384 needs SHA-384; the key itself is sound.
  const Signed mixed =
      tuf_root().with(key_path(EcdsaP256, "/keyval/public"), test_key(EcdsaP384).public_key().pem()).parse();
  CHECK_FALSE(mixed.keys.at(id_of(EcdsaP256, MetadataFormat::Tuf)).key);
  // An unknown type may have another keyval.
  CHECK(tuf_root()
            .with("/keys/future", {{"keytype", "mldsa"}, {"scheme", "x"}, {"keyval", json::object()}})
            .verdict() == "accepted");
}

TEST_CASE("TUF: old names of the ECDSA key type are understood") {
  const Signed content = tuf_root().with(key_path(EcdsaP256, "/keytype"), "ecdsa-sha2-nistp256").parse();
  CHECK(content.keys.at(id_of(EcdsaP256, MetadataFormat::Tuf)).key == test_key(EcdsaP256).public_key());
  const Signed other = tuf_root().with(key_path(EcdsaP256, "/keytype"), "ecdsa-sha2-nistp384").parse();
  CHECK_FALSE(other.keys.at(id_of(EcdsaP256, MetadataFormat::Tuf)).key);
}

TEST_CASE("TUF: a key id that does not match its key is a warning") {
  const Signed content = tuf_root().with("/keys/mine", key_object(Ed25519, 1)).parse();
  CHECK_FALSE(content.keys.at("mine").keyid_matches);
  CHECK(content.keys.at("mine").key == test_key(Ed25519, 1).public_key());
  CHECK(warnings_with(content, "\"mine\" is not the hash") == 1);
  CHECK(tuf_root().with("/keys/", key_object(Ed25519, 1)).verdict() == "keyid /keys/");
}

TEST_CASE("TUF: a key id is the hash of the whole object or of its three parts") {
  json::object old = key_object(Ed25519, 1);
  const std::string short_id = id_of(Ed25519, MetadataFormat::Tuf, 1);
  old["keyid_hash_algorithms"] = json::array{"sha256", "sha512"};
  const std::string long_id = sha256_hex(as_bytes(canonical_json(old).value()));
  REQUIRE(short_id != long_id);
  for (const std::string& id : {short_id, long_id})
    CHECK(tuf_root().with("/keys/" + id, old).parse().keys.at(id).keyid_matches);
}

TEST_CASE("TUF: a private key is refused; an empty place for one is not") {
  CHECK(tuf_root().with(key_path(Ed25519, "/keyval/private"), "00ff").verdict() ==
        "private-key " + key_path(Ed25519, "/keyval/private"));
  CHECK(tuf_root().with(key_path(Ed25519, "/keyval/private"), "").verdict() == "accepted");
  CHECK(tuf_root().with(key_path(Ed25519, "/keyval/private"), nullptr).verdict() == "accepted");
}

TEST_CASE("TUF: line feeds stand in the PEM of keys and nowhere else") {
  CHECK(tuf_root().with("/x-note", "a\nb").verdict() == "control-character /x-note");
  CHECK(tuf_root().with(key_path(EcdsaP256, "/x-note"), "a\nb").verdict() ==
        "control-character " + key_path(EcdsaP256, "/x-note"));
  CHECK(tuf_targets().with("/targets/dir~1file/custom/deep", json::array{"a\n"}).verdict() ==
        "control-character /targets/dir~1file/custom/deep/0");
  CHECK(tuf_targets().with("/delegations/roles/0/paths/0", "a\nb").verdict() ==
        "control-character /delegations/roles/0/paths/0");
  CHECK(tuf_targets().with("/delegations/x-note", "a\nb").verdict() ==
        "control-character /delegations/x-note");
}

TEST_CASE("TUF: hashes are lower-case hexadecimal of the right length") {
  for (const char* hash : {"", "aa", "zz", "a"})
    CHECK(tuf_targets().with("/targets/dir~1file/hashes/sha256", hash).verdict() ==
          "hashes /targets/dir~1file/hashes/sha256");
  CHECK(tuf_targets().with("/targets/dir~1file/hashes/sha256", std::string(64, 'A')).verdict() ==
        "hashes /targets/dir~1file/hashes/sha256");
  CHECK(tuf_targets().with("/targets/dir~1file/hashes/sha512", std::string(64, 'a')).verdict() ==
        "hashes /targets/dir~1file/hashes/sha512");
  CHECK(tuf_targets().with("/targets/dir~1file/hashes/sha512", std::string(128, 'a')).verdict() ==
        "accepted");
  CHECK(tuf_targets().with("/targets/dir~1file/hashes/blake9", "aa").verdict() == "accepted");
  CHECK(tuf_targets().with("/targets/dir~1file/hashes", json::object()).verdict() ==
        "hashes /targets/dir~1file/hashes");
  CHECK(tuf_targets().with("/targets/dir~1file/length", -1).verdict() == "range /targets/dir~1file/length");
  CHECK(tuf_snapshot().with("/meta/release.json/length", -1).verdict() == "range /meta/release.json/length");
  CHECK(tuf_snapshot().with("/meta/release.json/hashes", json::object()).verdict() ==
        "hashes /meta/release.json/hashes");
}

TEST_CASE("TUF: delegations have names of their own") {
  for (const char* name : {"", "root", "targets", "snapshot", "timestamp", "../root", "a/", "a\\b"})
    CHECK(tuf_targets().with("/delegations/roles/0/name", name).verdict() ==
          "role-name /delegations/roles/0/name");
  CHECK(tuf_targets().with("/delegations/roles/0/name", "bins").verdict() ==
        "role-twice /delegations/roles/1");
}

TEST_CASE("TUF: a delegation has paths or hash prefixes") {
  CHECK(tuf_targets().without("/delegations/roles/0/paths").verdict() == "paths /delegations/roles/0");
  CHECK(tuf_targets().with("/delegations/roles/0/path_hash_prefixes", json::array{"8f"}).verdict() ==
        "paths /delegations/roles/0");
  for (const char* prefix : {"", "8F", "xy", "8f/"})
    CHECK(tuf_targets().with("/delegations/roles/1/path_hash_prefixes/0", prefix).verdict() ==
          "paths /delegations/roles/1/path_hash_prefixes/0");
  CHECK(tuf_targets().with("/delegations/roles/1/path_hash_prefixes/0", std::string(64, '0')).verdict() ==
        "accepted");
  CHECK(tuf_targets().with("/delegations/roles/1/path_hash_prefixes/0", std::string(65, '0')).verdict() ==
        "paths /delegations/roles/1/path_hash_prefixes/0");
}

TEST_CASE("TUF: succinct roles stand in place of roles") {
  const json::object succinct = {
      {"keyids", {keyid(EcdsaP256)}}, {"threshold", 1}, {"bit_length", 10}, {"name_prefix", "bin"}};
  CHECK(tuf_targets().with("/delegations/succinct_roles", succinct).verdict() ==
        "succinct-roles /delegations");
  CHECK(tuf_targets().without("/delegations/roles").verdict() == "succinct-roles /delegations");
  const Document base =
      tuf_targets().without("/delegations/roles").with("/delegations/succinct_roles", succinct);
  const Signed content = base.parse();
  REQUIRE(content.succinct);
  CHECK(content.succinct->bit_length == 10);
  CHECK(content.succinct->name_prefix == "bin");
  CHECK(content.succinct->keys.keyids.size() == 1);
  const std::string path = "/delegations/succinct_roles";
  for (const int bits : {1, 32}) CHECK(base.with(path + "/bit_length", bits).verdict() == "accepted");
  for (const int bits : {0, 33, -1})
    CHECK(base.with(path + "/bit_length", bits).verdict() == "range " + path + "/bit_length");
  CHECK(base.with(path + "/threshold", 2).verdict() == "threshold " + path + "/threshold");
  CHECK(base.with(path + "/name_prefix", "../x").verdict() == "role-name " + path + "/name_prefix");
  for (const char* member : {"keyids", "threshold", "bit_length", "name_prefix"})
    CHECK(base.without(path + "/" + member).verdict() == "missing-member " + path);
}

TEST_CASE("TUF: meta lists files of metadata") {
  for (const char* name : {"/meta/release", "/meta/.json", "/meta/..~1x.json", "/meta/x.json~1"})
    CHECK(tuf_snapshot().with(name, {{"version", 1}}).verdict() == "meta " + std::string(name));
  CHECK(tuf_timestamp().with("/meta/root.json", {{"version", 1}}).verdict() == "meta /meta");
}

TEST_CASE("TUF: what is signed must be canonical") {
  const std::string text = canonical_json(tuf_root().object()).value();
  CHECK(verdict(parse_signed(" " + text, MetadataFormat::Tuf)) == "not-canonical @0");
  CHECK(verdict(parse_signed(text + "\n", MetadataFormat::Tuf)) ==
        "not-canonical @" + std::to_string(text.size()));
  CHECK(verdict(parse_signed("{}", MetadataFormat::Notary)) == "missing-member ");
}
