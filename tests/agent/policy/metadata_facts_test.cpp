#include "agent/policy/metadata_facts.h"

#include <catch2/catch.hpp>

#include "tests/protocol/test_documents.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;
using enum KeyAlgorithm;

namespace {

constexpr auto kTuf = MetadataFormat::Tuf;
using Paths = std::vector<std::string>;

PolicyMetadata facts(const Document& before, const Document& after, std::string_view role = "targets") {
  const Signed a = before.parse(), b = after.parse();
  return metadata_facts(role, &a, b);
}

Document with_target(const Document& document, const std::string& path, char digit) {
  return document.with("/targets/" + path + "/length", 5)
      .with("/targets/" + path + "/hashes/sha256", std::string(64, digit));
}

}  // namespace

TEST_CASE("a root's facts are its thresholds and its root keys") {
  const PolicyMetadata root = metadata_facts("root", nullptr, tuf_root().parse());
  CHECK(root.type == RoleType::Root);
  CHECK(root.version == 1);
  CHECK(root.thresholds ==
        std::map<std::string, std::int64_t>{{"root", 1}, {"targets", 1}, {"snapshot", 1}, {"timestamp", 1}});
  CHECK(root.root_keys == 2);
  CHECK_FALSE(root.changed_targets);
  CHECK_FALSE(root.delegations_changed);
  CHECK_FALSE(root.other_versions_last_hour);
  const PolicyMetadata next =
      facts(tuf_root(), tuf_root().with("/version", 2).with("/roles/root/threshold", 2), "root");
  CHECK(next.thresholds->at("root") == 2);
  CHECK(next.version == 2);
}

TEST_CASE("a key that Signet cannot use is no root key") {
  const Document unknown =
      tuf_root()
          .with("/keys/strange",
                json::object{{"keytype", "sphincs"}, {"scheme", "sphincs"}, {"keyval", {{"public", "00"}}}})
          .with("/roles/root/keyids/-", "strange");
  CHECK(metadata_facts("root", nullptr, unknown.parse()).root_keys == 2);
}

TEST_CASE("the targets that change are those that are added, removed or changed") {
  const Document before = with_target(with_target(tuf_targets(), "a", 'a'), "b", 'b');
  CHECK(facts(before, before.with("/version", 2)).changed_targets == Paths{});
  CHECK(facts(before, with_target(before, "c", 'c')).changed_targets == Paths{"c"});
  CHECK(facts(before, with_target(before, "a", 'c')).changed_targets == Paths{"a"});
  CHECK(facts(before, with_target(before.without("/targets/a"), "c", 'c')).changed_targets ==
        Paths{"a", "c"});
  CHECK(facts(before, before.with("/targets/a/custom", json::object{{"x", 1}})).changed_targets ==
        Paths{"a"});
}

TEST_CASE("every change of a delegation is one") {
  const Document before = tuf_targets();
  CHECK(facts(before, before.with("/version", 2)).delegations_changed == false);
  CHECK(facts(before, with_target(before, "c", 'c')).delegations_changed == false);
  const json::array& roles = before.object().at("delegations").at("roles").as_array();
  REQUIRE(roles.size() == 2);
  const std::vector<Document> changed{
      before.without("/delegations"),
      before.with("/delegations/roles", json::array{roles[0]}),
      before.with("/delegations/roles", json::array{roles[1], roles[0]}),  // the order is their priority
      before.with("/delegations/roles/0/paths", json::array{"**"}),
      before.with("/delegations/roles/0/terminating", !roles[0].at("terminating").as_bool()),
      before.with("/delegations/roles/0/name", "other")};
  for (std::size_t i = 0; i < changed.size(); ++i) {
    CAPTURE(i);
    CHECK(facts(before, changed[i]).delegations_changed == true);
    CHECK(facts(before, changed[i]).changed_targets == Paths{});
  }
}

TEST_CASE("another key behind the key id of a delegation is a change") {
  const Document before = tuf_targets();
  const auto& keys = before.object().at("delegations").at("keys").as_object();
  REQUIRE_FALSE(keys.empty());
  const json::array& roles = before.object().at("delegations").at("roles").as_array();
  const std::string keyid(roles[0].at("keyids").at(0).as_string());
  const Document swapped =
      before.with("/delegations/keys/" + keyid, metadata_key_object(test_key(Ed25519, 7).public_key(), kTuf));
  CHECK(facts(before, swapped).delegations_changed == true);
}

TEST_CASE("without anything before, all that there is has changed") {
  const PolicyMetadata first = metadata_facts("targets", nullptr, tuf_targets().parse());
  CHECK(first.delegations_changed == true);
  CHECK(first.changed_targets->size() == tuf_targets().parse().targets.size());
  CHECK(
      metadata_facts("targets", nullptr, tuf_targets().without("/delegations").parse()).delegations_changed ==
      false);
}

TEST_CASE("the thresholds of delegations are known by their names") {
  const auto thresholds = metadata_facts("targets", nullptr, tuf_targets().parse()).thresholds;
  REQUIRE(thresholds);
  CHECK(thresholds->size() == 2);
  CHECK(thresholds->contains("release"));
  CHECK(thresholds->contains("bins"));
}

TEST_CASE("a snapshot and a timestamp have none of these") {
  for (const Document& document : {tuf_snapshot(), tuf_timestamp()}) {
    const PolicyMetadata none = metadata_facts("snapshot", nullptr, document.parse());
    CHECK_FALSE(none.thresholds);
    CHECK_FALSE(none.root_keys);
    CHECK_FALSE(none.changed_targets);
    CHECK_FALSE(none.delegations_changed);
  }
}
