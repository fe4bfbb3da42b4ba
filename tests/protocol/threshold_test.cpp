#include "protocol/threshold.h"

#include <catch2/catch.hpp>

#include "tests/protocol/test_documents.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;
using enum KeyAlgorithm;

namespace {

constexpr auto kTuf = MetadataFormat::Tuf;

Signer signer(KeyAlgorithm algorithm, int number = 0) {
  return {test_key(algorithm, number), id_of(algorithm, kTuf, number)};
}
json::object key_object(KeyAlgorithm algorithm, int number = 0) {
  return metadata_key_object(test_key(algorithm, number).public_key(), kTuf);
}
// A root whose root role has these keys.
Document root_of(std::int64_t version, std::vector<Signer> keys, int threshold) {
  Document out = tuf_root().with("/version", version).with("/roles/root/keyids", json::array());
  for (const Signer& key : keys)
    out = out.with("/keys/" + key.keyid, metadata_key_object(key.key.public_key(), kTuf))
              .with("/roles/root/keyids/-", key.keyid);
  return out.with("/roles/root/threshold", threshold);
}
MetadataFile parsed(std::string_view path) {
  return parse_metadata_file(read_data(path)).value();
}

}  // namespace

TEST_CASE("a threshold is met by as many distinct keys") {
  const Signer a = signer(EcdsaP256), b = signer(Ed25519), c = signer(Rsa2048);
  const Signed delegator = root_of(1, {a, b, c}, 2).parse();
  const json::object content = root_of(2, {a, b, c}, 2).object();
  CHECK(verify_threshold(sign_file(content, kTuf, {a, c}), delegator, "root")->valid.size() == 2);

  const auto short_of_one = verify_threshold(sign_file(content, kTuf, {b}), delegator, "root");
  CHECK(verdict(short_of_one) == "threshold /signatures");
  CHECK(short_of_one.error().message.find("needs 2 valid signatures") != std::string::npos);
  CHECK(short_of_one.error().message.find("missing: \"" + a.keyid) != std::string::npos);
  CHECK(verdict(verify_threshold(sign_file(content, kTuf, {}), delegator, "root")) ==
        "threshold /signatures");
}

TEST_CASE("a wrong signature, an absent one and a placeholder do not count") {
  const Signer a = signer(EcdsaP256), b = signer(Ed25519), c = signer(Rsa2048);
  const Signed delegator = root_of(1, {a, b, c}, 2).parse();
  MetadataFile file = sign_file(root_of(2, {a, b, c}, 2).object(), kTuf, {a, b});
  file.signatures.push_back({c.keyid, "", {}});
  file.signatures[0].signature.back() ^= 1;
  const ThresholdReport report = count_signatures(file, delegated_keys(delegator, "root").value());
  CHECK(report.threshold == 2);
  CHECK_FALSE(report.met());
  CHECK(report.invalid == std::vector{a.keyid});
  CHECK(report.valid == std::vector{b.keyid});
  CHECK(report.absent == std::vector{c.keyid});
}

TEST_CASE("signatures by keys outside the role do not count") {
  const Signer a = signer(EcdsaP256), b = signer(Ed25519), stranger = signer(Rsa2048);
  const Signed delegator = root_of(1, {a, b}, 2).parse();
  const MetadataFile file = sign_file(root_of(2, {a, b}, 2).object(), kTuf, {a, stranger});
  CHECK(verdict(verify_threshold(file, delegator, "root")) == "threshold /signatures");
  // Nor does a stranger's signature under a key id of the role.
  const MetadataFile forged = sign_file(root_of(2, {a, b}, 2).object(), kTuf, {a, {stranger.key, b.keyid}});
  CHECK(verdict(verify_threshold(forged, delegator, "root")) == "threshold /signatures");
}

TEST_CASE("one public key under two key ids counts once") {
  const Signer a = signer(EcdsaP256);
  const MetadataFile file = sign_file(root_of(2, {a}, 1).object(), kTuf, {a, {a.key, "alias"}});
  DelegatedKeys keys;
  keys.role.keyids = {a.keyid, "alias"};
  keys.role.threshold = 2;
  MetadataKey key{a.keyid, key_object(EcdsaP256), "ecdsa-sha2-nistp256", a.key.public_key(), true};
  keys.keys.push_back(key);
  key.keyid = "alias";
  keys.keys.push_back(key);
  const ThresholdReport report = count_signatures(file, keys);
  CHECK(report.valid == std::vector{a.keyid});
  CHECK(report.invalid == std::vector<std::string>{"alias"});
  CHECK_FALSE(report.met());
}

TEST_CASE("a key that Signet cannot use never counts") {
  const Signer a = signer(EcdsaP256), b = signer(Ed25519);
  const Signed delegator = root_of(1, {a, b}, 2).with("/keys/" + b.keyid + "/scheme", "future").parse();
  const MetadataFile file = sign_file(root_of(2, {a, b}, 2).object(), kTuf, {a, b});
  const ThresholdReport report = count_signatures(file, delegated_keys(delegator, "root").value());
  CHECK(report.valid == std::vector{a.keyid});
  CHECK(report.invalid == std::vector{b.keyid});
}

TEST_CASE("a key id that does not match its key warns, and counts") {
  const Signer mine{test_key(Ed25519), "mine"};
  const MetadataFile file = sign_file(root_of(2, {mine}, 1).object(), kTuf, {mine});
  CHECK(verify_threshold(file, root_of(1, {mine}, 1).parse(), "root"));
}

TEST_CASE("keys are those of the delegator's role") {
  const Signed root = tuf_root().parse();
  for (const char* role : {"root", "targets", "snapshot", "timestamp"}) CHECK(delegated_keys(root, role));
  CHECK(verdict(delegated_keys(root, "release")) == "NotFound");
  const Signed targets = tuf_targets().parse();
  CHECK(delegated_keys(targets, "bins")->keys.size() == 1);
  CHECK(verdict(delegated_keys(targets, "targets")) == "NotFound");
  CHECK(verdict(delegated_keys(tuf_snapshot().parse(), "targets")) == "NotFound");
}

TEST_CASE("the bins of succinct roles are named as TAP 15 says") {
  const auto bins = [](int bits) {
    return tuf_targets()
        .without("/delegations/roles")
        .with("/delegations/succinct_roles", {{"keyids", {json::string(id_of(EcdsaP256, kTuf))}},
                                              {"threshold", 1},
                                              {"bit_length", bits},
                                              {"name_prefix", "bin"}})
        .parse();
  };
  const auto has = [](const Signed& targets, std::string_view role) {
    return delegated_keys(targets, role).has_value();
  };
  const Signed five = bins(5);
  for (const char* role : {"bin-00", "bin-0f", "bin-1f"}) CHECK(has(five, role));
  for (const char* role : {"bin-20", "bin-ff", "bin-0", "bin-000", "bin-0F", "bin-1g", "bin-", "bin",
                           "other-00", "bin--1", "bin- 1", "bin-0x"})
    CHECK_FALSE(has(five, role));
  CHECK(has(bins(1), "bin-1"));
  CHECK_FALSE(has(bins(1), "bin-2"));
  CHECK(has(bins(4), "bin-f"));
  CHECK(has(bins(32), "bin-ffffffff"));
  CHECK_FALSE(has(bins(32), "bin-100000000"));
}

TEST_CASE("metadata of another type or format is not the role's") {
  const Signer a = signer(EcdsaP256);
  const Signed root = tuf_root().parse();
  const MetadataFile snapshot = sign_file(tuf_snapshot().object(), kTuf, {a});
  CHECK(verify_threshold(snapshot, root, "snapshot"));
  CHECK(verdict(verify_threshold(snapshot, root, "timestamp")) == "type /signed/_type");
  CHECK(verdict(verify_threshold(snapshot, root, "targets")) == "type /signed/_type");
  CHECK(verdict(verify_threshold(snapshot, notary_root().parse(), "snapshot")) == "type /signed/_type");
}

TEST_CASE("a root follows exactly the one before, by the keys of both") {
  const Signer a = signer(EcdsaP256), b = signer(Ed25519), c = signer(Rsa2048), d = signer(EcdsaP384);
  const Signed trusted = root_of(4, {a, b, c}, 2).parse();
  const auto step = [&](std::int64_t version, std::vector<Signer> keys, int threshold,
                        const std::vector<Signer>& signers) {
    return verdict(verify_root_step(
        trusted, sign_file(root_of(version, std::move(keys), threshold).object(), kTuf, signers)));
  };
  CHECK(step(5, {a, b, c}, 2, {a, b}) == "accepted");
  CHECK(step(5, {b, c, d}, 2, {a, b, d}) == "accepted");  // a leaves and still signs
  CHECK(step(5, {d}, 1, {a, b, d}) == "accepted");        // all leave
  CHECK(step(5, {d}, 1, {a, d}) == "threshold /signatures");
  CHECK(step(5, {d}, 1, {a, b}) == "threshold /signatures");
  CHECK(step(5, {a, b, c}, 3, {a, b}) == "threshold /signatures");
  for (const int version : {3, 4, 6})
    CHECK(step(version, {a, b, c}, 2, {a, b, c}) == "root-version /signed/version");
  CHECK(verdict(verify_root_step(trusted, sign_file(tuf_snapshot().object(), kTuf, {a, b}))) ==
        "type /signed/_type");
  CHECK(verdict(verify_root_step(tuf_snapshot().parse(), sign_file(tuf_snapshot().object(), kTuf, {a}))) ==
        "Internal");
}

TEST_CASE("python-tuf's repository verifies; a flipped byte and a missing signature do not") {
  const MetadataFile root = parsed("tuf/1.root.json");
  const MetadataFile second = parsed("tuf/2.root.json");
  CHECK(verify_threshold(root, root.content, "root")->valid.size() == 2);
  CHECK(verdict(verify_root_step(root.content, second)) == "accepted");
  CHECK(verdict(verify_root_step(root.content, parsed("tuf/2.root_short.json"))) == "threshold /signatures");
  CHECK(verdict(verify_root_step(second.content, root)) == "root-version /signed/version");
  const MetadataFile targets = parsed("tuf/targets.json");
  const std::pair<MetadataFile, std::pair<const Signed*, const char*>> files[] = {
      {targets, {&root.content, "targets"}},
      {parsed("tuf/snapshot.json"), {&root.content, "snapshot"}},
      {parsed("tuf/timestamp.json"), {&root.content, "timestamp"}},
      {parsed("tuf/release.json"), {&targets.content, "release"}}};
  for (const auto& [file, delegation] : files) {
    CAPTURE(delegation.second);
    CHECK(verdict(verify_threshold(file, *delegation.first, delegation.second)) == "accepted");
    MetadataFile changed = file;
    changed.canonical[changed.canonical.size() / 2] ^= 1;
    CHECK(verdict(verify_threshold(changed, *delegation.first, delegation.second)) ==
          "threshold /signatures");
    changed = file;
    changed.signatures[0].signature.back() ^= 1;
    CHECK(verdict(verify_threshold(changed, *delegation.first, delegation.second)) ==
          "threshold /signatures");
  }
  const Signed succinct = parsed("tuf/succinct.json").content;
  CHECK(delegated_keys(succinct, "bin-1f"));
}

TEST_CASE("notary's repository verifies; a flipped byte does not") {
  const MetadataFile first = parsed("notary/1.root.json");
  const MetadataFile root = parsed("notary/root.json");
  CHECK(verify_threshold(first, first.content, "root"));
  CHECK(verdict(verify_root_step(first.content, root)) == "accepted");
  const MetadataFile targets = parsed("notary/targets.json");
  const std::pair<MetadataFile, std::pair<const Signed*, const char*>> files[] = {
      {targets, {&root.content, "targets"}},
      {parsed("notary/snapshot.json"), {&root.content, "snapshot"}},
      {parsed("notary/timestamp.json"), {&root.content, "timestamp"}},
      {parsed("notary/targets_releases.json"), {&targets.content, "targets/releases"}},
      {parsed("notary/targets_qa.json"), {&targets.content, "targets/qa"}}};
  for (const auto& [file, delegation] : files) {
    CAPTURE(delegation.second);
    const auto report = verify_threshold(file, *delegation.first, delegation.second);
    REQUIRE(verdict(report) == "accepted");
    CHECK(report->invalid.empty());
    MetadataFile changed = file;
    changed.canonical[changed.canonical.size() / 2] ^= 1;
    CHECK(verdict(verify_threshold(changed, *delegation.first, delegation.second)) ==
          "threshold /signatures");
    changed = file;
    for (SignatureEntry& entry : changed.signatures) entry.signature.back() ^= 1;
    CHECK(verdict(verify_threshold(changed, *delegation.first, delegation.second)) ==
          "threshold /signatures");
  }
  // ECDSA and RSA-PSS, each by its own key.
  CHECK(verify_threshold(parsed("notary/targets_releases.json"), targets.content, "targets/releases")
            ->valid.size() == 2);
}
