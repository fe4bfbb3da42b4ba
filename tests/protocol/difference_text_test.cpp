#include "protocol/difference_text.h"

#include <boost/json/array.hpp>
#include <catch2/catch.hpp>

#include "tests/protocol/test_documents.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;
using enum KeyAlgorithm;

namespace {

constexpr auto kTuf = MetadataFormat::Tuf;
const std::string kA16(16, 'a'), kB16(16, 'b'), kB(64, 'b');

std::string line(const Document& before, const Document& after, std::string_view role,
                 const DifferenceTextOptions& options = {}, bool supersedes = false) {
  const Signed a = before.parse(), b = after.parse();
  return difference_line(metadata_difference(role, &a, b, supersedes), options);
}
MetadataDifference with_targets(const std::vector<std::string>& names) {
  MetadataDifference difference;
  difference.role = "targets";
  difference.type = RoleType::Targets;
  difference.from_version = 41;
  difference.version = 42;
  difference.expires.after = "2027-11-21T00:00:00Z";
  for (const std::string& name : names) {
    TargetMention target;
    target.path = name;
    target.hash = "sha256:" + kB;
    difference.added.push_back(target);
  }
  return difference;
}

}  // namespace

TEST_CASE("a root's difference reads as people speak of it") {
  const std::string fresh = id_of(Rsa2048, kTuf), gone = id_of(Ed25519, kTuf);
  const Document before = tuf_root().with("/version", 13).with("/roles/root/threshold", 2);
  const Document after =
      before.with("/version", 14)
          .with("/expires", "2037-11-21T00:00:00Z")
          .with("/keys/" + fresh, metadata_key_object(test_key(Rsa2048).public_key(), kTuf))
          .with("/roles/root/keyids", json::array{id_of(EcdsaP256, kTuf), fresh});
  DifferenceTextOptions options;
  options.name = [](const KeyMention& key) -> std::string {
    return key.fingerprint == test_key(Rsa2048).public_key().fingerprint() ? "YubiKey 15835999" : "";
  };
  CHECK(line(before, after, "root", options) == "root 13 → 14: + key " + fresh.substr(0, 16) +
                                                    "… (YubiKey 15835999), − key " + gone.substr(0, 16) +
                                                    "…, threshold 2 → 2, expires 2037-11-21");
}

TEST_CASE("targets' difference reads as people speak of it") {
  const Document before = tuf_targets()
                              .with("/version", 41)
                              .with("/targets/app:0.9/length", 1)
                              .with("/targets/app:0.9/hashes/sha256", kB);
  const Document after = tuf_targets()
                             .with("/version", 42)
                             .with("/targets/app:1.2/length", 1)
                             .with("/targets/app:1.2/hashes/sha256", kB)
                             .with("/targets/dir~1file/length", 6);
  CHECK(line(before, after, "targets") == "targets 41 → 42: + app:1.2 sha256:" + kB16 +
                                              "…, − app:0.9, ~ dir/file (changed) sha256:" + kA16 +
                                              "…, expires 2036-01-02T03:04:05Z");
  CHECK(line(before, before.with("/version", 42), "targets") ==
        "targets 41 → 42: no change of content, expires 2036-01-02T03:04:05Z");
}

TEST_CASE("what weighs is said in capitals") {
  const Document two = tuf_root().with("/roles/root/threshold", 2);
  CHECK(line(two, tuf_root(), "root").find("threshold 2 → 1 (LOWERED)") != std::string::npos);
  CHECK(line(tuf_root(), tuf_root(), "root", {}, true).rfind("SUPERSEDES root 1: ", 0) == 0);
  CHECK(line(tuf_timestamp(), tuf_timestamp().with("/expires", "2030-01-01T00:00:00Z"), "timestamp")
            .find("expires 2030-01-01 (SOONER than 2036-01-02T03:04:05Z)") != std::string::npos);
  CHECK(line(tuf_snapshot(), tuf_snapshot().with("/meta/targets.json/version", 6), "snapshot")
            .find("~ targets.json 7 → 6 (LOWERED)") != std::string::npos);
  const std::string id = id_of(EcdsaP256, kTuf);
  const std::string replaced = line(
      tuf_root(),
      tuf_root().with("/keys/" + id, metadata_key_object(test_key(EcdsaP256, 1).public_key(), kTuf)), "root");
  CHECK(replaced.find("(SAME ID, ANOTHER KEY)") != std::string::npos);
  CHECK(replaced.find("[THE ID IS NOT THE KEY'S OWN: SHA-256 " +
                      test_key(EcdsaP256, 1).public_key().fingerprint().substr(0, 16)) != std::string::npos);
}

TEST_CASE("the first one, and each line of the whole") {
  const Signed root = tuf_root().parse();
  const MetadataDifference first = metadata_difference("root", nullptr, root, false);
  CHECK(difference_title(first) == "root 1 (the first)");
  const auto items = difference_items(first, {});
  CHECK(std::find(items.begin(), items.end(), "threshold 1") != items.end());
  CHECK(std::find(items.begin(), items.end(), "timestamp: threshold 1") != items.end());
  const std::string text = difference_text(first, {});
  CHECK(text.rfind("root 1 (the first)\n  + key ", 0) == 0);
  CHECK(text.find("\n  timestamp: + key ") != std::string::npos);
}

TEST_CASE("delegations read with their name") {
  const Document base = tuf_targets();
  const std::string text = line(
      base,
      base.with("/delegations/roles/0/paths", json::array{"*"}).with("/delegations/roles/1/name", "boxes"),
      "targets");
  CHECK(text.find("− delegation bins, ") != std::string::npos);
  CHECK(text.find("+ delegation boxes, delegation boxes: + key ") != std::string::npos);
  CHECK(text.find("~ delegation release, delegation release: + path *, delegation release: − path dir/*") !=
        std::string::npos);
}

TEST_CASE("a hostile name stays a name") {
  const std::string spoof = "app, − key 3f2a…, expires 2099-01-01";
  const std::string shown = difference_line(with_targets({spoof, "x\ny", "a\u202eb", "c\u200d"}), {});
  CHECK(shown == "targets 41 → 42: + \"" + spoof + "\" sha256:" + kB16 + R"(…, + "x\u{a}y" sha256:)" + kB16 +
                     R"(…, + "a\u{202e}b" sha256:)" + kB16 + R"(…, + "c\u{200d}" sha256:)" + kB16 +
                     "…, expires 2027-11-21");
  CHECK(difference_text(with_targets({"a\n  - root"}), {}).find("\n  - root") == std::string::npos);
  MetadataDifference keyid = with_targets({});
  RoleKeysDifference keys;
  keys.role = "root";
  KeyMention key;
  key.keyid = "x (YubiKey 1), + key";
  key.keyid_matches = false;
  key.fingerprint = kB;
  keys.added.push_back(key);
  keyid.roles.push_back(keys);
  CHECK(difference_line(keyid, {}).find("+ key \"x (YubiKey 1), +\"… [THE ID IS NOT") != std::string::npos);
}

TEST_CASE("long lists are cut, and counted") {
  std::vector<std::string> names;
  for (int i = 0; i < 133; ++i) names.push_back("t" + std::to_string(i));
  const auto ten = std::vector(names.begin(), names.begin() + 10);
  const auto eleven = std::vector(names.begin(), names.begin() + 11);
  CHECK(difference_line(with_targets(ten), {}).find("more") == std::string::npos);
  CHECK(difference_line(with_targets(eleven), {}).find("and 1 more added") != std::string::npos);
  const MetadataDifference all = with_targets(names);
  CHECK(difference_line(all, {}).find("+ t9 sha256:" + kB16 + "…, and 123 more added, expires") !=
        std::string::npos);
  const json::object value = difference_json(all, {});
  CHECK(value.at("targets").at("added").at("count").to_number<int>() == 133);
  CHECK(value.at("targets").at("added").at("list").as_array().size() == 10);
  CHECK(value.at("targets").at("added").at("list").at(0).at("path").as_string() == "t0");
}

TEST_CASE("the whole is cut at its limit, between characters") {
  DifferenceTextOptions options;
  options.max_entries = 1000;
  const MetadataDifference one = with_targets({"t"});
  options.max_bytes = difference_line(one, options).size();
  CHECK(difference_line(one, options).find("(cut)") == std::string::npos);
  for (std::size_t less = 1; less < 60; ++less) {
    DifferenceTextOptions shorter = options;
    shorter.max_bytes = options.max_bytes - less;
    const std::string shown = difference_line(one, shorter);
    CHECK(shown.ends_with("… (cut)"));
    CHECK(shown.size() <= shorter.max_bytes + std::string_view("… (cut)").size());
    CHECK(json::string(shown).size() == shown.size());
    CHECK(shown.find("\xe2…") == std::string::npos);
  }
}
