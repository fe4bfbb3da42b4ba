// A key on several tokens.
#include <catch2/catch.hpp>

#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

LedgerKeyLocation on_token(const std::string& label, int order = 0, int weight = 1) {
  LedgerKeyLocation location;
  location.uri = "pkcs11:token=" + label;
  location.token_label = label;
  location.token_serial = "serial of " + label;
  location.evidence = {{"sensitive", true}};
  location.share.order = order;
  location.share.weight = weight;
  return location;
}

Result<LedgerKey> add(LedgerBench& bench, const LedgerKeyLocation& location, const std::string& key = "k1") {
  return bench.call(
      [&] { return bench.store().keys().add_location(fingerprint_of(key), location, someone()); });
}
Result<LedgerKey> remove(LedgerBench& bench, const std::string& label, const std::string& serial) {
  return bench.call(
      [&] { return bench.store().keys().remove_location(fingerprint_of("k1"), label, serial, someone()); });
}
Result<LedgerKey> remove(LedgerBench& bench, const std::string& label) {
  return remove(bench, label, "serial of " + label);
}

// "first order/weight, second order/weight", as each way of reading the key has it.
std::string places(LedgerBench& bench, const std::string& key = "k1") {
  const auto text = [](const LedgerKey& found) {
    std::string all = found.token_label + " " + std::to_string(found.share.order) + "/" +
                      std::to_string(found.share.weight);
    for (const LedgerKeyLocation& other : found.also)
      all += ", " + other.token_label + " " + std::to_string(other.share.order) + "/" +
             std::to_string(other.share.weight);
    return all;
  };
  const auto one = bench.call([&] { return bench.store().keys().find(key); });
  REQUIRE(one);
  const auto all = bench.call([&]() -> Result<std::vector<LedgerKey>> { return bench.store().keys().all(); });
  for (const LedgerKey& other : *all)
    if (other.fingerprint == one->fingerprint) CHECK(text(other) == text(*one));
  return text(*one);
}

std::string first_label() {
  return make_key("k1").token_label;
}

TEST_CASE("a key is on several tokens, in the order of their enrolment", "[ledger][locations]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(add(bench, on_token("b")));
  REQUIRE(add(bench, on_token("c", 1, 20)));
  CHECK(places(bench) == first_label() + " 0/1, b 0/1, c 1/20");
  CHECK(places(bench, "k2").find(',') == std::string::npos);
  bench.reopen();
  CHECK(places(bench) == first_label() + " 0/1, b 0/1, c 1/20");
  const auto statement = bench.last_statement();
  CHECK(text_of(statement.at("kind")) == "key.add-location");
  CHECK(text_of(statement.at("body").at("fingerprint")) == fingerprint_of("k1"));
}

TEST_CASE("a token that holds the key already gets another share", "[ledger][locations]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(add(bench, on_token("b")));
  REQUIRE(add(bench, on_token("c")));
  REQUIRE(add(bench, on_token("b", 7, 3)));
  LedgerKeyLocation first = first_location(make_key("k1"));
  first.share.order = 2;
  REQUIRE(add(bench, first));
  CHECK(places(bench) == first_label() + " 2/1, b 7/3, c 0/1");
}

TEST_CASE("a token is forgotten, the first one too, but never the last", "[ledger][locations]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(add(bench, on_token("b", 1, 5)));
  REQUIRE(add(bench, on_token("c", 2, 6)));
  CHECK(remove(bench, "d").error().name == ErrorName::NotFound);
  CHECK(remove(bench, "b", "another serial").error().name == ErrorName::NotFound);
  const LedgerKey first = make_key("k1");
  const auto left = remove(bench, first.token_label, first.token_serial);
  REQUIRE(left);
  CHECK(left->uri == "pkcs11:token=b");
  CHECK(places(bench) == "b 1/5, c 2/6");
  REQUIRE(remove(bench, "c"));
  CHECK(places(bench) == "b 1/5");
  const auto last = remove(bench, "b");
  CHECK(last.error().name == ErrorName::InvalidParameter);
  CHECK(places(bench) == "b 1/5");
  CHECK(text_of(bench.last_statement().at("kind")) == "key.remove-location");
}

TEST_CASE("as many tokens as the limit says hold a key, and no more", "[ledger][locations]") {
  LedgerBench bench;
  bench.populate();
  for (std::size_t count = 1; count < kMostKeyLocations; ++count)
    REQUIRE(add(bench, on_token("t" + std::to_string(count))));
  const auto over = add(bench, on_token("one more"));
  CHECK(over.error().name == ErrorName::LimitExceeded);
  CHECK(string_parameter(over.error(), "limit") == "key-locations");
  CHECK(add(bench, on_token("t1", 5)));  // known: it is no further one
  CHECK(bench.call([&] { return bench.store().keys().find("k1"); })->also.size() == kMostKeyLocations - 1);
}

TEST_CASE("a retired key has no new place, and an enrolment anew forgets the old ones",
          "[ledger][locations]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(add(bench, on_token("b")));
  REQUIRE(bench.call([&] { return bench.store().keys().retire("k1", someone()); }));
  CHECK(string_parameter(add(bench, on_token("c")).error(), "why") == "retired");
  CHECK(string_parameter(remove(bench, "b").error(), "why") == "retired");
  CHECK(add(bench, on_token("c"), "nobody").error().name == ErrorName::NotFound);
  CHECK(places(bench) == first_label() + " 0/1, b 0/1");
  REQUIRE(bench.call([&] { return bench.store().keys().add(make_key("k1"), someone()); }));
  CHECK(places(bench) == first_label() + " 0/1");
}

// Two tokens make two ECDSA signatures over the same bytes. A version has one payload all the same, and the
// ledger keeps both signatures.
TEST_CASE("two signatures by one key over the same bytes are one version", "[ledger][locations]") {
  LedgerBench bench;
  bench.populate();
  const auto request = make_request("a", "targets", 1, "one");
  KeyOutcome by_a = signed_by("k1"), by_b = signed_by("k1");
  by_a.signature = boost::json::object{{"keyid", "k1"}, {"sig", "aa"}};
  by_b.signature = boost::json::object{{"keyid", "k1"}, {"sig", "bb"}};
  const auto first = bench.reserve(request);
  REQUIRE(first);
  REQUIRE(bench.finish(first->id, {by_a}));
  const auto second = bench.reserve(request);
  REQUIRE(second);
  CHECK(second->released_before);
  REQUIRE(bench.finish(second->id, {by_b}));
  const auto now = bench.check(request);
  REQUIRE(now);
  CAPTURE(now->signatures.size());
  CHECK(now->released_before);
  REQUIRE_FALSE(now->signatures.empty());
  const auto other = bench.reserve(make_request("a", "targets", 1, "two"));
  CHECK(other.error().name == ErrorName::VersionConflict);
  CHECK(string_parameter(other.error(), "digest") == digest_of("one"));
}

}  // namespace
}  // namespace signet::test
