// Notary v1: what differs from TUF.
#include <catch2/catch.hpp>

#include "protocol/canonical_json.h"
#include "tests/protocol/test_documents.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;
using enum KeyAlgorithm;

namespace {

std::string key_path(KeyAlgorithm algorithm, std::string_view rest = "") {
  return "/keys/" + id_of(algorithm, MetadataFormat::Notary) + std::string(rest);
}

}  // namespace

TEST_CASE("Notary: the base documents are read into the same model") {
  const Signed root = notary_root().parse();
  CHECK(root.type == RoleType::Root);
  CHECK(root.format == MetadataFormat::Notary);
  CHECK(root.spec_version.empty());
  CHECK(root.keys.at(id_of(EcdsaP256, MetadataFormat::Notary)).key == test_key(EcdsaP256).public_key());
  CHECK(root.keys.at(id_of(EcdsaP256, MetadataFormat::Notary)).scheme == "ecdsa");
  CHECK(root.keys.at(id_of(EcdsaP256, MetadataFormat::Notary)).keyid_matches);
  REQUIRE(root.warnings.size() == 2);  // both root keys are plain
  CHECK(root.warnings[0].find("no certificate") != std::string::npos);

  const Signed targets = notary_targets().parse();
  CHECK(targets.targets.at("v1").hashes.at("sha256") == std::string(63, 'a') + "8");
  CHECK(targets.delegations.at(0).name == "targets/releases");
  CHECK(targets.delegations.at(0).paths == std::vector<std::string>{""});
  const Signed snapshot = notary_snapshot().parse();
  CHECK(snapshot.meta.size() == 3);
  CHECK(snapshot.meta.at("targets/releases.json").length == 9);
  CHECK(snapshot.meta.at("targets/releases.json").version == 0);
  CHECK(notary_timestamp().parse().meta.contains("snapshot.json"));
}

TEST_CASE("Notary: unknown members are refused, because its server would drop them") {
  CHECK(notary_root().with("/spec_version", "1.0.0").verdict() == "unknown-member /spec_version");
  CHECK(notary_root().with("/roles/root/x", 1).verdict() == "unknown-member /roles/root/x");
  CHECK(notary_root().with(key_path(EcdsaP256, "/scheme"), "x").verdict() ==
        "unknown-member " + key_path(EcdsaP256, "/scheme"));
  CHECK(notary_root().with(key_path(EcdsaP256, "/keyval/x"), "x").verdict() ==
        "unknown-member " + key_path(EcdsaP256, "/keyval/x"));
  CHECK(notary_targets().with("/x", 1).verdict() == "unknown-member /x");
  CHECK(notary_targets().with("/targets/v1/x", 1).verdict() == "unknown-member /targets/v1/x");
  CHECK(notary_targets().with("/delegations/succinct_roles", json::object()).verdict() ==
        "unknown-member /delegations/succinct_roles");
  CHECK(notary_targets().with("/delegations/roles/0/terminating", true).verdict() ==
        "unknown-member /delegations/roles/0/terminating");
  CHECK(notary_snapshot().with("/x", 1).verdict() == "unknown-member /x");
  CHECK(notary_snapshot().with("/meta/root/version", 1).verdict() == "unknown-member /meta/root/version");
}

TEST_CASE("Notary: what its server would add is refused when it is missing") {
  CHECK(notary_root().without("/consistent_snapshot").verdict() == "missing-member ");
  CHECK(notary_targets().without("/delegations").verdict() == "missing-member ");
  CHECK(notary_targets().without("/delegations/roles").verdict() == "missing-member /delegations");
  CHECK(notary_root().without(key_path(EcdsaP256, "/keyval/private")).verdict() ==
        "missing-member " + key_path(EcdsaP256, "/keyval"));
  for (const char* member : {"length", "hashes"})
    CHECK(notary_snapshot().without("/meta/root/" + std::string(member)).verdict() ==
          "missing-member /meta/root");
  CHECK(notary_snapshot().with("/meta/root/hashes", {{"md5", "AAAA"}}).verdict() ==
        "missing-member /meta/root/hashes");
}

TEST_CASE("Notary: types have a capital") {
  CHECK(notary_root().with("/_type", "root").verdict() == "type /_type");
}

TEST_CASE("Notary: keys are base64 and never private") {
  CHECK(notary_root().with(key_path(EcdsaP256, "/keyval/public"), "?").verdict() ==
        "public-key " + key_path(EcdsaP256, "/keyval/public"));
  CHECK(notary_root().with(key_path(EcdsaP256, "/keyval/private"), "AAAA").verdict() ==
        "private-key " + key_path(EcdsaP256, "/keyval/private"));
  const std::string id = id_of(EcdsaP256, MetadataFormat::Notary);
  for (const char* type : {"future", "rsa", "ed25519", "ecdsa-x509", "rsa-x509"})
    CHECK_FALSE(notary_root().with(key_path(EcdsaP256, "/keytype"), type).parse().keys.at(id).key);
  CHECK_FALSE(notary_root().with(key_path(EcdsaP256, "/keyval/public"), "AAAA").parse().keys.at(id).key);
}

TEST_CASE("Notary: an expiry is what Go prints") {
  for (const char* time :
       {"2036-01-02T03:04:05.5Z", "2036-01-02T03:04:05.000000001Z", "2036-01-02T03:04:05.123456789Z"})
    CHECK(notary_root().with("/expires", time).parse().expires_at.time_since_epoch().count() == 2082855845);
  for (const char* time :
       {"2036-01-02T03:04:05.500Z", "2036-01-02T03:04:05.Z", "2036-01-02T03:04:05.0Z",
        "2036-01-02T03:04:05.1234567891Z", "2036-01-02T03:04:05,5Z", "2036-01-02T03:04:05.5aZ",
        "2036-01-02T03:04:05+00:00", "2036-01-02T03:04:05+01:00", ".5Z", "Z"})
    CHECK(notary_root().with("/expires", time).verdict() == "expires /expires");
}

TEST_CASE("Notary: hashes are base64, and meta names are bare") {
  CHECK(notary_targets().with("/targets/v1/hashes/sha256", std::string(64, 'a')).verdict() ==
        "hashes /targets/v1/hashes/sha256");
  CHECK(notary_targets().with("/targets/v1/hashes/sha256", "AAAA").verdict() ==
        "hashes /targets/v1/hashes/sha256");
  CHECK(notary_snapshot()
            .with("/meta/targets.json", notary_snapshot().object().at("meta").at("root"))
            .verdict() == "meta /meta/targets.json");
  CHECK(notary_targets().with("/targets/v1/custom", "any JSON").verdict() == "accepted");
}

TEST_CASE("Notary: delegations are below targets/, and leave paths out rather than empty") {
  for (const char* name : {"releases", "targets", "targets/A", "root"})
    CHECK(notary_targets().with("/delegations/roles/0/name", name).verdict() ==
          "role-name /delegations/roles/0/name");
  CHECK(notary_targets().without("/delegations/roles/0/paths").verdict() == "accepted");
  CHECK(notary_targets().with("/delegations/roles/0/paths", json::array()).verdict() ==
        "paths /delegations/roles/0/paths");
}

TEST_CASE("Notary: a line feed stands nowhere") {
  CHECK(notary_targets().with("/targets/v1/custom", "a\nb").verdict() ==
        "control-character /targets/v1/custom");
}
