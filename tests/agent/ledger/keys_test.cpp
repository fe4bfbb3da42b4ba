// Enrolling, finding and retiring keys.
#include <catch2/catch.hpp>

#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

Result<void> add(LedgerBench& bench, const LedgerKey& key) {
  return bench.call([&] { return bench.store().keys().add(key, someone()); });
}
Result<LedgerKey> find(LedgerBench& bench, const std::string& name) {
  return bench.call([&] { return bench.store().keys().find(name); });
}
Result<LedgerKey> retire(LedgerBench& bench, const std::string& name) {
  return bench.call([&] { return bench.store().keys().retire(name, someone()); });
}

TEST_CASE("a key comes back as it was enrolled, by all of its names", "[ledger]") {
  LedgerBench bench;
  LedgerKey key = make_key("release", {"tuf", "certificate"});
  key.created = "2026-11-21T23:00:00Z";
  REQUIRE(add(bench, key));
  bench.reopen();
  for (const std::string& name : {key.name, key.fingerprint, key.tuf_keyid, key.notary_keyid}) {
    const auto found = find(bench, name);
    REQUIRE(found);
    CHECK(found->name == "release");
    CHECK(found->uri == key.uri);
    CHECK(found->algorithm == key.algorithm);
    CHECK(found->spki == key.spki);
    CHECK(found->uses == key.uses);
    CHECK(found->evidence == key.evidence);
    CHECK(found->created == key.created);
    CHECK_FALSE(found->retired);
  }
  const auto missing = find(bench, "nobody");
  CHECK(missing.error().name == ErrorName::NotFound);
  CHECK(string_parameter(missing.error(), "kind") == "key");
}

TEST_CASE("a name and a public key are enrolled once", "[ledger]") {
  LedgerBench bench;
  REQUIRE(add(bench, make_key("one")));
  CHECK(add(bench, make_key("one")).error().name == ErrorName::AlreadyExists);
  LedgerKey second_label = make_key("one");
  second_label.name = "two";
  const auto same_key = add(bench, second_label);
  CHECK(same_key.error().name == ErrorName::AlreadyExists);
  CHECK(same_key.error().message.find("\"one\"") != std::string::npos);
  LedgerKey same_name = make_key("two");
  same_name.name = "one";
  CHECK(add(bench, same_name).error().name == ErrorName::AlreadyExists);
  // A name that would be taken for another key's id.
  LedgerKey confusing = make_key("three");
  for (const std::string& id :
       {make_key("one").fingerprint, make_key("one").tuf_keyid, make_key("one").notary_keyid}) {
    confusing.name = id;
    CHECK(add(bench, confusing).error().name == ErrorName::AlreadyExists);
  }
  CHECK(bench.records().size() == 1);
}

TEST_CASE("a retired key is found, keeps nothing from its successor, and is retired once", "[ledger]") {
  LedgerBench bench;
  REQUIRE(add(bench, make_key("one")));
  const auto retired = retire(bench, make_key("one").tuf_keyid);
  REQUIRE(retired);
  CHECK(retired->retired);
  CHECK(find(bench, "one")->retired);
  CHECK(string_parameter(retire(bench, "one").error(), "why") == "retired");
  CHECK(retire(bench, "nobody").error().name == ErrorName::NotFound);
  // Its name is free for another public key, which is then meant by it.
  LedgerKey successor = make_key("two");
  successor.name = "one";
  REQUIRE(add(bench, successor));
  CHECK(find(bench, "one")->fingerprint == fingerprint_of("two"));
  CHECK(find(bench, fingerprint_of("one"))->retired);
  const auto all = bench.call([&]() -> Result<std::vector<LedgerKey>> { return bench.store().keys().all(); });
  CHECK(all->size() == 2);
}

TEST_CASE("a use that stands alone goes with no other, now and ever", "[ledger]") {
  const std::vector<std::string> all{"tuf",    "approval", "checkpoint", "message",
                                     "digest", "ssh",      "certificate"};
  for (const std::string alone : {"tuf", "approval", "checkpoint"}) {
    CHECK_FALSE(excluded_use({alone}, {alone}));
    for (const std::string& other : all) {
      const bool fits = other == alone || (alone == "tuf" && other == "certificate");
      CHECK(excluded_use({alone}, {other}).has_value() != fits);
      CHECK(excluded_use({other}, {alone}).has_value() != fits);
      CHECK(excluded_use({alone, other}, {}).has_value() != fits);
    }
  }
  CHECK_FALSE(excluded_use({"message", "digest"}, {"ssh", "certificate"}));
  CHECK(excluded_use({"message"}, {"digest", "approval"}) == "approval");
}

TEST_CASE("tuf excludes message, digest and ssh for the life of a public key", "[ledger]") {
  const auto enrol_twice = [](std::vector<std::string> first, std::vector<std::string> second) {
    LedgerBench bench;
    REQUIRE(add(bench, make_key("one", first)));
    REQUIRE(retire(bench, "one"));
    LedgerKey again = make_key("one", second);
    again.name = "again";
    return add(bench, again);
  };
  for (const char* other : {"message", "digest", "ssh"}) {
    INFO(other);
    LedgerBench bench;
    const auto both = add(bench, make_key("one", {"tuf", other}));
    CHECK(string_parameter(both.error(), "why") == "use-excluded");
    const auto after_tuf = enrol_twice({"tuf"}, {other});
    CHECK(after_tuf.error().name == ErrorName::KeyRefused);
    CHECK(string_parameter(after_tuf.error(), "why") == "use-excluded");
    CHECK(string_parameter(enrol_twice({other}, {"tuf"}).error(), "why") == "use-excluded");
    CHECK(enrol_twice({other}, {other}));
  }
  CHECK(enrol_twice({"tuf"}, {"tuf", "certificate"}));
  CHECK(enrol_twice({"certificate"}, {"tuf"}));
  CHECK(enrol_twice({"message"}, {"digest", "ssh"}));
}

TEST_CASE("what a use excluded three enrolments ago is excluded still", "[ledger]") {
  LedgerBench bench;
  REQUIRE(add(bench, make_key("one", {"tuf"})));
  REQUIRE(retire(bench, "one"));
  REQUIRE(add(bench, make_key("one", {"certificate"})));
  REQUIRE(retire(bench, "one"));
  bench.reopen();
  CHECK(string_parameter(add(bench, make_key("one", {"digest"})).error(), "why") == "use-excluded");
}

TEST_CASE("enrolling and retiring are recorded", "[ledger]") {
  LedgerBench bench;
  REQUIRE(add(bench, make_key("one")));
  auto statement = bench.last_statement();
  CHECK(statement.at("kind") == "key.enrol");
  CHECK(statement.at("uid") == 1000);
  CHECK(text_of(statement.at("body").at("fingerprint")) == fingerprint_of("one"));
  REQUIRE(retire(bench, "one"));
  CHECK(bench.last_statement().at("kind") == "key.retire");
  REQUIRE(add(bench, make_key("one")));
  CHECK(bench.last_statement().at("kind") == "key.enrol-again");
}

}  // namespace
}  // namespace signet::test
