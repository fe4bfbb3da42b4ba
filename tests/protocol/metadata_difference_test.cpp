#include "protocol/metadata_difference.h"

#include <catch2/catch.hpp>

#include "tests/protocol/test_documents.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;
using enum KeyAlgorithm;

namespace {

constexpr auto kTuf = MetadataFormat::Tuf;
const std::string kB(64, 'b');

std::vector<std::string> ids(const std::vector<KeyMention>& keys) {
  std::vector<std::string> out;
  for (const KeyMention& key : keys) out.push_back(key.keyid);
  return out;
}
std::vector<std::string> paths(const std::vector<TargetMention>& targets) {
  std::vector<std::string> out;
  for (const TargetMention& target : targets) out.push_back(target.path);
  return out;
}
Document with_target(const Document& document, const std::string& path, const std::string& hash,
                     std::int64_t length = 5) {
  return document.with("/targets/" + path + "/length", length)
      .with("/targets/" + path + "/hashes/sha256", hash);
}
MetadataDifference differ(const Document& before, const Document& after, std::string_view role = "targets") {
  const Signed a = before.parse(), b = after.parse();
  MetadataDifference out = metadata_difference(role, &a, b, false);
  add_other_members(before.object(), after.object(), out);
  return out;
}

}  // namespace

TEST_CASE("a root's keys and thresholds are compared by role") {
  const std::string fresh = id_of(Rsa2048, kTuf), gone = id_of(Ed25519, kTuf);
  const Document next = tuf_root()
                            .with("/version", 2)
                            .with("/keys/" + fresh, metadata_key_object(test_key(Rsa2048).public_key(), kTuf))
                            .without("/keys/" + gone)
                            .with("/roles/root/keyids", json::array{id_of(EcdsaP256, kTuf), fresh})
                            .with("/roles/root/threshold", 2)
                            .with("/roles/timestamp/keyids/-", fresh)
                            .with("/consistent_snapshot", false);
  const MetadataDifference difference = differ(tuf_root(), next, "root");
  CHECK(difference.from_version == 1);
  CHECK(difference.version == 2);
  REQUIRE(difference.roles.size() == 2);
  const RoleKeysDifference& root = difference.roles[0];
  CHECK(root.role == "root");
  CHECK(ids(root.added) == std::vector{fresh});
  CHECK(root.added[0].fingerprint == test_key(Rsa2048).public_key().fingerprint());
  CHECK(root.added[0].keyid_matches);
  CHECK(ids(root.removed) == std::vector{gone});
  CHECK(root.removed[0].fingerprint == test_key(Ed25519).public_key().fingerprint());
  CHECK(root.replaced.empty());
  CHECK((root.threshold.before == 1 && root.threshold.after == 2));
  CHECK((root.keys.before == 2 && root.keys.after == 2));
  CHECK(difference.roles[1].role == "timestamp");
  CHECK(difference.consistent_snapshot.differs());
  CHECK(difference.others.empty());
  CHECK_FALSE(difference.same_content());
}

TEST_CASE("another key under an id that stays is no small thing") {
  const std::string id = id_of(EcdsaP256, kTuf);
  const Document next =
      tuf_root().with("/keys/" + id, metadata_key_object(test_key(EcdsaP256, 1).public_key(), kTuf));
  const MetadataDifference difference = differ(tuf_root(), next, "root");
  REQUIRE(difference.roles.size() == 4);  // every role has this key
  CHECK(ids(difference.roles[0].replaced) == std::vector{id});
  CHECK_FALSE(difference.roles[0].replaced[0].keyid_matches);
  CHECK(difference.roles[0].replaced[0].fingerprint == test_key(EcdsaP256, 1).public_key().fingerprint());
}

TEST_CASE("targets that come, go and change, each once and in order") {
  Document before = with_target(with_target(tuf_targets(), "b", kB), "d", kB);
  const Document after =
      with_target(with_target(with_target(before.without("/targets/b"), "a", kB), "d", kB, 6), "e", kB)
          .with("/targets/dir~1file/custom/x", 1);
  const MetadataDifference difference = differ(before, after);
  CHECK(paths(difference.added) == std::vector<std::string>{"a", "e"});
  CHECK(difference.added[0].hash == "sha256:" + kB);
  CHECK(paths(difference.removed) == std::vector<std::string>{"b"});
  REQUIRE(paths(difference.changed) == std::vector<std::string>{"d", "dir/file"});
  CHECK_FALSE(difference.changed[0].custom_only);
  CHECK(difference.changed[0].length == 6);
  CHECK(difference.changed[1].custom_only);

  const Signed a = before.parse(), b = after.parse();
  CHECK(changed_target_paths(&a, b) == std::vector<std::string>{"a", "b", "d", "dir/file", "e"});
  CHECK(changed_target_paths(&a, a).empty());
  CHECK(changed_target_paths(nullptr, a) == std::vector<std::string>{"b", "d", "dir/file"});
}

TEST_CASE("delegations that come, go, change and change places") {
  const std::string fresh = id_of(Ed25519, kTuf);
  const Document base = tuf_targets();
  SECTION("nothing") {
    CHECK(differ(base, base.with("/version", 2)).same_content());
  }
  SECTION("changed") {
    const auto difference = differ(base, base.with("/delegations/roles/0/keyids/-", fresh)
                                             .with("/delegations/roles/0/threshold", 2)
                                             .with("/delegations/roles/0/paths", json::array{"*"})
                                             .with("/delegations/roles/0/terminating", true));
    REQUIRE(difference.delegations.size() == 1);
    const DelegationDifference& release = difference.delegations[0];
    CHECK(release.name == "release");
    CHECK(release.kind == DelegationDifference::Kind::Changed);
    CHECK(ids(release.keys.added) == std::vector{fresh});
    CHECK(release.keys.threshold.after == 2);
    CHECK(release.paths_added == std::vector<std::string>{"*"});
    CHECK(release.paths_removed == std::vector<std::string>{"dir/*"});
    CHECK(release.terminating.after);
  }
  SECTION("renamed is one gone and one come") {
    const auto difference = differ(base, base.with("/delegations/roles/1/name", "boxes"));
    REQUIRE(difference.delegations.size() == 2);
    CHECK(difference.delegations[0].name == "bins");
    CHECK(difference.delegations[0].kind == DelegationDifference::Kind::Removed);
    CHECK(difference.delegations[0].paths_removed == std::vector<std::string>{"hash:8f"});
    CHECK(difference.delegations[1].name == "boxes");
    CHECK(difference.delegations[1].kind == DelegationDifference::Kind::Added);
    CHECK_FALSE(difference.delegations_reordered);
  }
  SECTION("order is priority") {
    const json::array& roles = base.object().at("delegations").at("roles").as_array();
    const auto difference = differ(base, base.with("/delegations/roles", json::array{roles[1], roles[0]}));
    CHECK(difference.delegations.empty());
    CHECK(difference.delegations_reordered);
    CHECK_FALSE(difference.same_content());
  }
}

TEST_CASE("bins are compared as one delegation, unless their prefix is another") {
  const auto bins = [](std::string_view prefix, int bits) {
    return tuf_targets()
        .without("/delegations/roles")
        .with("/delegations/succinct_roles/keyids", json::array{id_of(EcdsaP256, kTuf)})
        .with("/delegations/succinct_roles/threshold", 1)
        .with("/delegations/succinct_roles/bit_length", bits)
        .with("/delegations/succinct_roles/name_prefix", json::value(json::string(prefix)));
  };
  const auto more = differ(bins("bin", 2), bins("bin", 4));
  REQUIRE(more.delegations.size() == 1);
  CHECK((more.delegations[0].bit_length.before == 2 && more.delegations[0].bit_length.after == 4));
  const auto other = differ(bins("bin", 2), bins("box", 2));
  REQUIRE(other.delegations.size() == 2);
  CHECK(other.delegations[0].kind == DelegationDifference::Kind::Removed);
  CHECK(other.delegations[1].name == "box-*");
  CHECK(differ(bins("bin", 2), bins("bin", 2)).same_content());
}

TEST_CASE("what a snapshot and a timestamp list is compared by file") {
  const auto snapshot = differ(tuf_snapshot(),
                               tuf_snapshot()
                                   .with("/meta/targets.json/version", 8)
                                   .with("/meta/release.json/hashes/sha256", kB)
                                   .with("/meta/bins.json/version", 1),
                               "snapshot");
  REQUIRE(snapshot.files.size() == 3);
  CHECK(snapshot.files[0].name == "bins.json");
  CHECK(snapshot.files[0].kind == FileMention::Kind::Added);
  CHECK(snapshot.files[1].name == "release.json");
  CHECK_FALSE(snapshot.files[1].version.differs());
  CHECK((snapshot.files[2].version.before == 7 && snapshot.files[2].version.after == 8));
  const auto timestamp =
      differ(tuf_timestamp(), tuf_timestamp().with("/meta/snapshot.json/version", 4), "timestamp");
  CHECK(timestamp.files.size() == 1);
  CHECK(differ(tuf_snapshot(), tuf_snapshot().without("/meta/release.json"), "snapshot").files.at(0).kind ==
        FileMention::Kind::Removed);
}

TEST_CASE("Notary's metadata is compared as TUF's is") {
  const auto targets =
      differ(notary_targets(),
             notary_targets()
                 .with("/targets/v2/length", 7)
                 .with("/targets/v2/hashes/sha256", json::value(json::string(std::string(42, 'q') + "g=")))
                 .with("/delegations/roles/0/paths", json::array{"v"}));
  CHECK(paths(targets.added) == std::vector<std::string>{"v2"});
  REQUIRE(targets.delegations.size() == 1);
  CHECK(targets.delegations[0].name == "targets/releases");
  const auto root = differ(notary_root(), notary_root().with("/roles/root/threshold", 2), "root");
  REQUIRE(root.roles.size() == 1);
  CHECK(root.roles[0].threshold.after == 2);
  const auto snapshot =
      differ(notary_snapshot(), notary_snapshot().with("/meta/targets/length", 10), "snapshot");
  REQUIRE(snapshot.files.size() == 1);
  CHECK(snapshot.files[0].name == "targets.json");
}

TEST_CASE("without a previous one everything is new") {
  const Signed root = tuf_root().parse(), targets = tuf_targets().parse();
  const MetadataDifference first = metadata_difference("root", nullptr, root, false);
  CHECK_FALSE(first.from_version.has_value());
  REQUIRE(first.roles.size() == 4);
  CHECK(first.roles[0].added.size() == 2);
  CHECK(first.roles[0].threshold.before == 0);
  CHECK_FALSE(first.same_content());
  CHECK_FALSE(first.consistent_snapshot.differs());
  CHECK(metadata_difference("targets", nullptr, targets, false).delegations.size() == 2);
}

TEST_CASE("members that Signet does not read are said to differ") {
  const Document base = tuf_root().with("/x-owner", "alice");
  CHECK(differ(base, base.with("/x-owner", "mallory"), "root").others == std::vector<std::string>{"x-owner"});
  CHECK(differ(base, base.without("/x-owner"), "root").others == std::vector<std::string>{"x-owner"});
  CHECK(differ(base, base.with("/x-new", 1), "root").others == std::vector<std::string>{"x-new"});
  // A key that no role uses, a member inside of a role.
  const Document idle =
      base.with("/keys/" + id_of(Rsa2048, kTuf), metadata_key_object(test_key(Rsa2048).public_key(), kTuf));
  CHECK(differ(base, idle, "root").others == std::vector<std::string>{"keys"});
  CHECK(differ(base, base.with("/roles/root/x-note", 1), "root").others == std::vector<std::string>{"roles"});
  CHECK_FALSE(differ(base, idle, "root").same_content());
}

TEST_CASE("an expiry that comes sooner is told from one that comes later") {
  const Document base = tuf_timestamp();
  CHECK(differ(base, base.with("/expires", "2036-01-02T03:04:04Z"), "timestamp").expires_sooner);
  CHECK_FALSE(differ(base, base.with("/expires", "2036-01-02T03:04:06Z"), "timestamp").expires_sooner);
  CHECK(differ(base, base.with("/expires", "2036-01-02T03:04:06Z"), "timestamp").same_content());
}
