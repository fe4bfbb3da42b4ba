// The life of a version in the store: what reserve, finish and observe leave in the tables, and what that
// decides next.
#include <catch2/catch.hpp>

#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

std::string reason(const Error& error) {
  return string_parameter(error, "reason");
}

MarkState state_of(LedgerBench& bench, const std::string& repository, const std::string& role) {
  const auto marks = bench.call([&] { return bench.store().repositories().marks(repository); });
  for (const VersionMark& mark : *marks)
    if (mark.role == role) return mark.state;
  FAIL("no mark of " << role);
  return MarkState::Reserved;
}

TEST_CASE("a signature makes a version released, with its payload and signatures", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  const auto request = make_request("a", "targets", 3, "three", {"k1", "k2"});
  const auto reservation = bench.reserve(request);
  REQUIRE(reservation);
  CHECK_FALSE(reservation->released_before);
  CHECK(reservation->signatures.empty());
  CHECK(state_of(bench, "a", "targets") == MarkState::Reserved);
  REQUIRE(bench.finish(reservation->id, {signed_by("k1"), failed_by("k2")}));
  CHECK(state_of(bench, "a", "targets") == MarkState::Released);

  bench.reopen();
  const auto again = bench.reserve(request);
  REQUIRE(again);
  CHECK(again->released_before);
  REQUIRE(again->signatures.size() == 1);
  CHECK(again->signatures[0].at("keyid") == "k1");
  REQUIRE(bench.finish(again->id, {signed_by("k2")}));
  CHECK(bench.check(request)->signatures.size() == 2);

  const auto other = bench.reserve(make_request("a", "targets", 3, "other"));
  REQUIRE_FALSE(other);
  CHECK(other.error().name == ErrorName::VersionConflict);
  CHECK(reason(other.error()) == "other_bytes");
  CHECK(string_parameter(other.error(), "payload") == "three");
  CHECK(string_parameter(other.error(), "digest") == digest_of("three"));
  CHECK(other.error().parameters.at("signatures").as_array().size() == 2);
}

TEST_CASE("a reservation that signed nothing is replaced; one in flight is waited for", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  const auto first = bench.reserve(make_request("a", "targets", 2, "one"));
  REQUIRE(first);
  const auto waiting = bench.reserve(make_request("a", "targets", 2, "two"));
  REQUIRE_FALSE(waiting);
  CHECK(waiting.error().name == ErrorName::Busy);
  CHECK(waiting.error().parameters.at("retryAfterMs").as_int64() > 0);
  // The same bytes do not wait.
  const auto same = bench.reserve(make_request("a", "targets", 2, "one", {"k2"}));
  REQUIRE(same);
  REQUIRE(bench.finish(first->id, {failed_by("k1")}));
  CHECK(bench.check(make_request("a", "targets", 2, "two")).error().name == ErrorName::Busy);
  REQUIRE(bench.finish(same->id, {}));
  REQUIRE(bench.sign(make_request("a", "targets", 2, "two")));
  CHECK(reason(bench.check(make_request("a", "targets", 2, "one")).error()) == "other_bytes");
}

TEST_CASE("after a crash every reservation may be replaced, and has an outcome", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  const auto lost = bench.reserve(make_request("a", "targets", 2, "one"));
  REQUIRE(lost);
  bench.reopen();
  const auto statement = bench.last_statement();
  CHECK(statement.at("kind") == "sign.outcome");
  CHECK(statement.at("body").at("intent").as_int64() == lost->id);
  CHECK(statement.at("body").at("result") == "unknown after restart: nothing left the agent");
  const auto records = bench.records().size();
  CHECK(bench.finish(lost->id, {signed_by("k1")}).error().name == ErrorName::Internal);
  REQUIRE(bench.sign(make_request("a", "targets", 2, "two")));
  CHECK(bench.records().size() == records + 2);
  bench.reopen();  // nothing is open now
  CHECK(bench.records().size() == records + 2);
}

TEST_CASE("finish is for a reservation in flight, once, and for its keys", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  CHECK(bench.finish(99, {signed_by("k1")}).error().name == ErrorName::Internal);
  const auto reservation = bench.reserve(make_request("a", "targets", 2, "one"));
  CHECK(bench.finish(reservation->id, {signed_by("k2")}).error().name == ErrorName::Internal);
  CHECK(bench.last_statement().at("body").at("result") == "withheld");
  CHECK(bench.finish(reservation->id, {signed_by("k1")}).error().name == ErrorName::Internal);
  REQUIRE(bench.sign(make_request("a", "targets", 2, "two")));
}

TEST_CASE("versions go up", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.sign(make_request("a", "targets", 5, "five")));
  const auto older = bench.reserve(make_request("a", "targets", 4, "four"));
  REQUIRE_FALSE(older);
  CHECK(reason(older.error()) == "older");
  CHECK(older.error().parameters.at("version").as_int64() == 5);
  CHECK(string_parameter(older.error(), "payload") == "five");
  CHECK(bench.check(make_request("a", "targets", 5, "five")));
  CHECK(bench.check(make_request("a", "targets", 6, "six")));
  // Another role, another repository: their own versions.
  CHECK(bench.check(make_request("a", "snapshot", 1, "s", {"k2"})));
  CHECK(bench.check(make_request("b", "targets", 1, "t", {"k2"})));
}

TEST_CASE("an older version that was in flight when a newer one was released is withheld", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  const auto five = bench.reserve(make_request("a", "targets", 5, "five"));
  REQUIRE(bench.sign(make_request("a", "targets", 6, "six")));
  const auto late = bench.finish(five->id, {signed_by("k1")});
  REQUIRE_FALSE(late);
  CHECK(reason(late.error()) == "older");
  CHECK(bench.last_statement().at("body").at("result") == "withheld");
}

TEST_CASE("check decides as reserve does and writes nothing", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  const auto before = bench.records().size();
  CHECK(bench.check(make_request("a", "targets", 2, "one")));
  CHECK(bench.check(make_request("a", "targets", 2, "two")));
  CHECK(bench.check(make_request("nowhere", "targets", 2, "two")).error().name == ErrorName::NotFound);
  CHECK(bench.records().size() == before);
  const auto marks = bench.call([&] { return bench.store().repositories().marks("a"); });
  CHECK(marks->size() == 1);  // the adopted root alone
}

TEST_CASE("supersede replaces what was shown and nothing else", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.sign(make_request("a", "targets", 1, "one")));
  auto two = make_request("a", "targets", 1, "two");
  two.supersede = true;
  for (const std::string& shown : {std::string(), digest_of("another")}) {
    two.superseding = shown;  // "one" was released only after the difference was shown
    for (const auto& refused : {bench.check(two), bench.reserve(two)}) {
      REQUIRE_FALSE(refused);
      CHECK(refused.error().name == ErrorName::Busy);
      CHECK(refused.error().parameters.at("retryAfterMs").as_int64() > 0);
    }
  }
  two.superseding = digest_of("one");
  REQUIRE(bench.sign(two));
  // The same bytes again replace nothing, whatever is shown.
  CHECK(bench.check(two));
  two.superseding = "";
  CHECK(bench.check(two));
}

TEST_CASE("supersede replaces a release, is recorded, and ends with an observation", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.sign(make_request("a", "targets", 2, "one")));
  auto two = make_request("a", "targets", 2, "two");
  CHECK(reason(bench.reserve(two).error()) == "other_bytes");
  two.supersede = true;

  SECTION("until it is released, the old release stands, also over a crash") {
    const auto begun = bench.reserve(two);
    REQUIRE(begun);
    CHECK(text_of(bench.last_statement().at("body").at("supersedes")) == digest_of("one"));
    CHECK(bench.reserve(make_request("a", "targets", 2, "one")).error().name == ErrorName::Busy);
    bench.reopen();
    CHECK(reason(bench.reserve(make_request("a", "targets", 2, "two")).error()) == "other_bytes");
    CHECK(reason(bench.reserve(make_request("a", "targets", 2, "three")).error()) == "other_bytes");
    CHECK(bench.check(make_request("a", "targets", 2, "one"))->released_before);
  }
  SECTION("then the new one stands") {
    REQUIRE(bench.sign(two));
    CHECK(reason(bench.reserve(make_request("a", "targets", 2, "one")).error()) == "other_bytes");
    two.supersede = false;
    CHECK(bench.check(two)->released_before);
    // And back again: an act, too.
    auto one = make_request("a", "targets", 2, "one");
    one.supersede = true;
    REQUIRE(bench.sign(one));
    CHECK(bench.last_statement().at("body").at("result") == "released");
    CHECK(reason(bench.reserve(two).error()) == "other_bytes");
  }
  SECTION("not once it was observed") {
    REQUIRE(bench.observe("a", make_observed("targets", 2, "one")));
    CHECK(reason(bench.reserve(two).error()) == "other_bytes");
  }
  SECTION("not under a newer version") {
    REQUIRE(bench.sign(make_request("a", "targets", 3, "three")));
    CHECK(reason(bench.reserve(two).error()) == "older");
  }
}

TEST_CASE("a key remembers across repositories, retirement and new names", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.sign(make_request("a", "targets", 2, "one")));

  const auto denied = bench.reserve(make_request("b", "targets", 7, "other"));
  REQUIRE_FALSE(denied);
  CHECK(denied.error().name == ErrorName::PolicyDenied);
  CHECK(string_parameter(denied.error(), "rule") == "shared-key");
  CHECK(denied.error().message.find("a targets") != std::string::npos);
  // Another type is another pair.
  CHECK(bench.check(make_request("b", "snapshot", 2, "s")));
  // Named in the policy, it serves both, each with its own versions.
  auto shared = make_request("b", "targets", 2, "other");
  shared.shared_keys = {fingerprint_of("k1")};
  REQUIRE(bench.sign(shared));
  const auto roles = bench.call([&]() -> Result<std::vector<std::pair<std::string, std::string>>> {
    return bench.store().marks().key_roles(fingerprint_of("k1"));
  });
  CHECK(*roles == std::vector<std::pair<std::string, std::string>>{{"a", "targets"}, {"b", "targets"}});

  REQUIRE(bench.call([&] { return bench.store().keys().retire("k1", someone()); }));
  const auto retired = bench.reserve(make_request("a", "targets", 3, "three"));
  REQUIRE_FALSE(retired);
  CHECK(retired.error().name == ErrorName::KeyRefused);
  CHECK(string_parameter(retired.error(), "why") == "retired");
  CHECK(bench.check(make_request("a", "root", 2, "root two")));

  LedgerKey renamed = make_key("k1");
  renamed.name = "new-name";
  REQUIRE(bench.call([&] { return bench.store().keys().add(renamed, someone()); }));
  CHECK(bench.reserve(make_request("b", "targets", 3, "x")).error().name == ErrorName::PolicyDenied);
  shared = make_request("a", "targets", 3, "three");
  shared.shared_keys = {fingerprint_of("k1")};
  REQUIRE(bench.sign(shared));
}

TEST_CASE("a pair that released nothing does not bind a key", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  const auto mistake = bench.reserve(make_request("a", "targets", 2, "one"));
  CHECK(bench.reserve(make_request("b", "targets", 2, "one")).error().name == ErrorName::Busy);
  REQUIRE(bench.finish(mistake->id, {failed_by("k1")}));
  REQUIRE(bench.sign(make_request("b", "targets", 2, "one")));
  CHECK(bench.reserve(make_request("a", "targets", 2, "one")).error().name == ErrorName::PolicyDenied);
}

TEST_CASE("restarted marks start over, but keys do not forget", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.sign(make_request("a", "targets", 900, "fast forward")));
  REQUIRE(bench.observe("a", make_observed("targets", 900, "fast forward")));
  REQUIRE(bench.observe("a", make_observed("root", 2, "root two"), {"targets"}));
  const auto seen = bench.call([&] { return bench.store().repositories().observed("a", "targets"); });
  CHECK_FALSE(seen->has_value());
  // The key that stayed may not give version 900 a second payload; a lower version, or another key, is fine.
  CHECK(reason(bench.reserve(make_request("a", "targets", 900, "other")).error()) == "key_used");
  REQUIRE(bench.sign(make_request("a", "targets", 4, "four")));
  REQUIRE(bench.sign(make_request("a", "targets", 900, "other", {"k2"})));
}

TEST_CASE("what was observed while a token was asked withholds its signature", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  const auto reservation = bench.reserve(make_request("a", "targets", 2, "ours"));
  REQUIRE(bench.observe("a", make_observed("targets", 2, "theirs")));
  const auto late = bench.finish(reservation->id, {signed_by("k1")});
  REQUIRE_FALSE(late);
  CHECK(reason(late.error()) == "other_bytes");
  CHECK(bench.last_statement().at("body").at("result") == "withheld");
  CHECK(bench.check(make_request("a", "targets", 2, "theirs")));
  // The key released nothing: its memory is free.
  REQUIRE(bench.sign(make_request("a", "targets", 2, "theirs")));
  CHECK(state_of(bench, "a", "targets") == MarkState::Observed);
}

TEST_CASE("a key that is retired while its token is asked signs nothing", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  const auto reservation = bench.reserve(make_request("a", "targets", 2, "ours"));
  REQUIRE(bench.call([&] { return bench.store().keys().retire("k1", someone()); }));
  CHECK(bench.finish(reservation->id, {signed_by("k1")}).error().name == ErrorName::KeyRefused);
}

TEST_CASE("one payload is kept for each role: the newest", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.sign(make_request("a", "targets", 2, "two")));
  REQUIRE(bench.sign(make_request("a", "targets", 3, "three")));
  const auto pruned = bench.reserve(make_request("a", "targets", 2, "other"));
  CHECK(reason(pruned.error()) == "other_bytes");
  CHECK(pruned.error().parameters.at("payload").is_null());
  CHECK(string_parameter(pruned.error(), "digest") == digest_of("two"));
  // Signing the old one again does not displace the new one.
  REQUIRE(bench.sign(make_request("a", "targets", 2, "two", {"k2"})));
  CHECK(string_parameter(bench.reserve(make_request("a", "targets", 3, "other")).error(), "payload") ==
        "three");
  CHECK(bench.check(make_request("a", "targets", 2, "two"))->released_before);
}

TEST_CASE("a request that makes no sense is refused", "[ledger]") {
  LedgerBench bench;
  bench.populate();
  auto request = make_request("a", "targets", 0, "zero");
  CHECK(bench.reserve(request).error().name == ErrorName::InvalidParameter);
  request = make_request("a", "targets", 1, "one", {});
  CHECK(bench.reserve(request).error().name == ErrorName::InvalidParameter);
  request = make_request("a", "targets", 1, "one");
  request.digest = "short";
  CHECK(bench.reserve(request).error().name == ErrorName::InvalidParameter);
  request = make_request("a", "targets", 1, "one");
  request.fingerprints.assign(kMaxReservedKeys + 1, fingerprint_of("k1"));
  CHECK(bench.reserve(request).error().name == ErrorName::LimitExceeded);
  CHECK(bench.reserve(make_request("a", "targets", 1, "one", {"nobody"})).error().name ==
        ErrorName::NotFound);
  CHECK(bench.reserve(make_request("nowhere", "targets", 1, "one")).error().name == ErrorName::NotFound);
  CHECK(bench.records().size() == 5);  // what populate() wrote
}

}  // namespace
}  // namespace signet::test
