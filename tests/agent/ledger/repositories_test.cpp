// Repositories, the chain of roots, observation.
#include <catch2/catch.hpp>

#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

Result<LedgerRepository> find(LedgerBench& bench, const std::string& name) {
  return bench.call([&] { return bench.store().repositories().find(name); });
}
Result<std::optional<ObservedMetadata>> observed(LedgerBench& bench, const std::string& role) {
  return bench.call([&] { return bench.store().repositories().observed("a", role); });
}

TEST_CASE("a created repository starts with root 1", "[ledger]") {
  LedgerBench bench;
  const auto create = [&] {
    return bench.call(
        [&] { return bench.store().repositories().create("new", MetadataFormat::Notary, someone()); });
  };
  REQUIRE(create());
  CHECK(create().error().name == ErrorName::AlreadyExists);
  CHECK(find(bench, "new")->format == MetadataFormat::Notary);
  CHECK_FALSE(find(bench, "new")->root.has_value());
  const auto skipped = bench.observe("new", make_observed("root", 2, "two"));
  CHECK(skipped.error().name == ErrorName::MetadataInvalid);
  CHECK(string_parameter(skipped.error(), "why") == "root-version");
  REQUIRE(bench.observe("new", make_observed("root", 1, "one")));
  bench.reopen();
  REQUIRE(find(bench, "new")->root.has_value());
  CHECK(find(bench, "new")->root->version == 1);
  CHECK(find(bench, "new")->root->digest == digest_of("one"));
}

TEST_CASE("a trusted root advances by one", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  const auto adopt = bench.call([&] {
    TrustedRoot root;
    root.version = 9;
    root.digest = digest_of("nine");
    return bench.store().repositories().adopt("a", MetadataFormat::Tuf, root, someone());
  });
  CHECK(adopt.error().name == ErrorName::AlreadyExists);
  REQUIRE(bench.observe("a", make_observed("root", 2, "two")));
  REQUIRE(bench.observe("a", make_observed("root", 3, "three")));
  CHECK(find(bench, "a")->root->version == 3);
  CHECK(observed(bench, "root")->value().digest == digest_of("three"));
  const auto records = bench.records().size();
  // The same again is no news; the chain's older links too.
  CHECK(bench.observe("a", make_observed("root", 3, "three")));
  CHECK(bench.observe("a", make_observed("root", 2, "two")));
  CHECK(bench.records().size() == records);
  CHECK(find(bench, "a")->root->version == 3);
  // Other bytes for a trusted version, a gap, another repository's business.
  CHECK(string_parameter(bench.observe("a", make_observed("root", 3, "other")).error(), "reason") ==
        "other_bytes");
  CHECK(string_parameter(bench.observe("a", make_observed("root", 5, "five")).error(), "why") ==
        "root-version");
  CHECK(bench.observe("nowhere", make_observed("root", 1, "one")).error().name == ErrorName::NotFound);
  CHECK(find(bench, "b")->root->version == 1);
}

TEST_CASE("a root below an adopted one is older", "[ledger]") {
  LedgerBench bench;
  TrustedRoot root;
  root.version = 7;
  root.digest = digest_of("seven");
  REQUIRE(bench.call(
      [&] { return bench.store().repositories().adopt("x", MetadataFormat::Tuf, root, someone()); }));
  CHECK(string_parameter(bench.observe("x", make_observed("root", 6, "six")).error(), "reason") == "older");
  REQUIRE(bench.observe("x", make_observed("root", 8, "eight")));
}

TEST_CASE("an adopted root is a mark: its version is signed for no other bytes", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  const auto other = bench.reserve(make_request("a", "root", 1, "other"));
  CHECK(string_parameter(other.error(), "reason") == "other_bytes");
  CHECK(bench.check(make_request("a", "root", 1, "root 1 of a")));
}

TEST_CASE("the newest observed metadata of a role is kept", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  CHECK_FALSE(observed(bench, "targets")->has_value());
  REQUIRE(bench.observe("a", make_observed("targets", 4, "four")));
  const auto late = bench.observe("a", make_observed("targets", 3, "three"));
  REQUIRE(late);
  REQUIRE(late->size() == 1);
  CHECK(late->front().find("Version 4") != std::string::npos);
  CHECK(observed(bench, "targets")->value().version == 4);
  CHECK(observed(bench, "targets")->value().metadata == make_observed("targets", 4, "four").metadata);
  // Both versions are marked.
  CHECK(bench.check(make_request("a", "targets", 3, "three")));
  CHECK(string_parameter(bench.check(make_request("a", "targets", 3, "x")).error(), "reason") ==
        "other_bytes");
  // A second payload of an observed version is never accepted.
  CHECK(string_parameter(bench.observe("a", make_observed("targets", 4, "x")).error(), "reason") ==
        "other_bytes");
}

TEST_CASE("observing other bytes than this ledger released warns and is recorded", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.sign(make_request("a", "targets", 2, "ours")));
  const auto warnings = bench.observe("a", make_observed("targets", 2, "theirs"));
  REQUIRE(warnings);
  REQUIRE(warnings->size() == 1);
  CHECK(warnings->front().find(digest_of("ours")) != std::string::npos);
  CHECK(text_of(bench.last_statement().at("body").at("contradicts").as_array().at(0)) == digest_of("ours"));
  CHECK(string_parameter(bench.check(make_request("a", "targets", 2, "ours")).error(), "reason") ==
        "other_bytes");
  // This ledger's key may not give the version its second payload; another may.
  CHECK(string_parameter(bench.check(make_request("a", "targets", 2, "theirs")).error(), "reason") ==
        "key_used");
  CHECK(bench.check(make_request("a", "targets", 2, "theirs", {"k2"})));
}

TEST_CASE("observing what was superseded settles it without a warning", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.sign(make_request("a", "targets", 2, "one")));
  auto two = make_request("a", "targets", 2, "two");
  two.supersede = true;
  REQUIRE(bench.sign(two));
  SECTION("the successor was published") {
    CHECK(bench.observe("a", make_observed("targets", 2, "two"))->empty());
    CHECK(bench.check(two)->released_before);
  }
  SECTION("the first was published after all") {
    CHECK(bench.observe("a", make_observed("targets", 2, "one"))->size() == 1);
    CHECK(bench.check(make_request("a", "targets", 2, "one"))->released_before);
    CHECK(string_parameter(bench.check(two).error(), "reason") == "other_bytes");
  }
}

TEST_CASE("only a root restarts roles, and never its own", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  CHECK(bench.observe("a", make_observed("root", 2, "two"), {"root"}).error().name ==
        ErrorName::InvalidParameter);
  CHECK(bench.observe("a", make_observed("targets", 2, "two"), {"snapshot"}).error().name ==
        ErrorName::InvalidParameter);
  REQUIRE(bench.observe("a", make_observed("root", 2, "two"), {"snapshot", "timestamp"}));
  CHECK(bench.last_statement().at("body").at("restarts").as_array().size() == 2);
}

TEST_CASE("marks tell the newest version of each role", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.sign(make_request("a", "targets", 2, "two")));
  REQUIRE(bench.sign(make_request("a", "targets", 3, "three")));
  REQUIRE(bench.reserve(make_request("a", "targets", 4, "four")));
  REQUIRE(bench.reserve(make_request("a", "snapshot", 9, "nine", {"k2"})));
  REQUIRE(bench.observe("a", make_observed("releases/stable", 5, "five")));
  const auto marks = bench.call([&] { return bench.store().repositories().marks("a"); });
  REQUIRE(marks->size() == 4);
  CHECK((*marks)[0].role == "releases/stable");
  CHECK((*marks)[0].state == MarkState::Observed);
  CHECK((*marks)[1].role == "root");
  CHECK((*marks)[2].role == "snapshot");
  CHECK((*marks)[2].state == MarkState::Reserved);
  CHECK((*marks)[2].version == 9);
  CHECK((*marks)[3].role == "targets");
  CHECK((*marks)[3].state == MarkState::Released);
  CHECK((*marks)[3].version == 3);
  CHECK(bench.call([&] { return bench.store().repositories().marks("nowhere"); }).error().name ==
        ErrorName::NotFound);
  const auto all = bench.call(
      [&]() -> Result<std::vector<LedgerRepository>> { return bench.store().repositories().all(); });
  CHECK(all->size() == 2);
}

}  // namespace
}  // namespace signet::test
