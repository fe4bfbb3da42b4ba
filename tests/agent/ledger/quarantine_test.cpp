// A ledger that was set back signs for no role before it has observed it.
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

Result<void> begin(LedgerBench& bench, const std::string& why = "rollback") {
  return bench.call([&] {
    QuarantineCause cause;
    cause.why = why;
    cause.anchor = "the file /anchor: 9 records";
    return bench.store().begin_quarantine(cause);
  });
}

Result<void> clear(LedgerBench& bench, const std::string& repository, const std::string& role) {
  return bench.call([&] {
    return bench.store().quarantine().clear_by_hand(repository, role, "nothing was published", someone());
  });
}

std::string why(const Error& error) {
  CHECK(error.name == ErrorName::LedgerUnavailable);
  return string_parameter(error, "why");
}

TEST_CASE("in quarantine each role signs again after it was observed, over restarts",
          "[ledger][quarantine]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.sign(make_request("a", "targets", 4, "four")));
  REQUIRE(begin(bench));
  CHECK(bench.last_statement().at("kind") == "ledger.quarantine");
  CHECK(bench.last_statement().at("body").at("why") == "rollback");
  bench.reopen();
  const auto refused = bench.reserve(make_request("a", "targets", 5, "five"));
  REQUIRE_FALSE(refused);
  CHECK(why(refused.error()) == "quarantined");
  CHECK(refused.error().message.find("repository observe") != std::string::npos);
  CHECK(why(bench.check(make_request("a", "targets", 4, "four")).error()) == "quarantined");
  // A role that the ledger has never heard of is one that it may have forgotten.
  CHECK(why(bench.reserve(make_request("b", "snapshot", 1, "one")).error()) == "quarantined");

  REQUIRE(bench.observe("a", make_observed("targets", 6, "six")));
  CHECK(bench.reserve(make_request("a", "targets", 7, "seven")));
  CHECK(bench.reserve(make_request("a", "targets", 5, "five")).error().name == ErrorName::VersionConflict);
  CHECK(why(bench.reserve(make_request("a", "snapshot", 1, "one")).error()) == "quarantined");
  bench.reopen();
  CHECK(bench.reserve(make_request("a", "targets", 8, "eight")));
  CHECK(why(bench.reserve(make_request("b", "targets", 8, "eight")).error()) == "quarantined");
}

TEST_CASE("what is older than the ledger's own memory ends no quarantine; the same again does",
          "[ledger][quarantine]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(bench.observe("a", make_observed("targets", 4, "four")));
  REQUIRE(bench.observe("a", make_observed("targets", 3, "three")));
  REQUIRE(begin(bench));
  REQUIRE(bench.observe("a", make_observed("targets", 3, "three")));
  CHECK(why(bench.reserve(make_request("a", "targets", 5, "five")).error()) == "quarantined");
  REQUIRE(bench.observe("a", make_observed("targets", 4, "four")));
  CHECK(bench.reserve(make_request("a", "targets", 5, "five")));
  // The root that is trusted already.
  CHECK(why(bench.reserve(make_request("a", "root", 2, "two")).error()) == "quarantined");
  REQUIRE(bench.observe("a", make_observed("root", 1, "root 1 of a")));
  CHECK(bench.reserve(make_request("a", "root", 2, "two")));
}

TEST_CASE("a second quarantine asks for everything again", "[ledger][quarantine]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(begin(bench));
  REQUIRE(bench.observe("a", make_observed("targets", 4, "four")));
  REQUIRE(begin(bench, "other-log"));
  CHECK(why(bench.reserve(make_request("a", "targets", 5, "five")).error()) == "quarantined");
  CHECK(bench.store().quarantine().present()->why == "other-log");
}

TEST_CASE("an anchor that comes back ends what its absence began, and no quarantine of a rollback",
          "[ledger][quarantine]") {
  LedgerBench bench;
  bench.populate();
  const auto anchors_agree = [&] {
    return bench.call([&] { return bench.store().quarantine().end_unasked("the anchors agree"); });
  };
  const std::size_t before = bench.records().size();
  REQUIRE(anchors_agree());  // nothing lasts, so nothing is recorded
  CHECK(bench.records().size() == before);

  const std::string lost = GENERATE("rollback", "other-log", "restored");
  REQUIRE(begin(bench, "anchor-missing"));
  REQUIRE(begin(bench, lost));
  REQUIRE(bench.observe("a", make_observed("targets", 4, "four")));
  REQUIRE(begin(bench, "anchor-unreadable"));
  CHECK(why(bench.reserve(make_request("a", "targets", 5, "five")).error()) == "quarantined");
  REQUIRE(bench.observe("a", make_observed("snapshot", 4, "four")));
  REQUIRE(anchors_agree());
  CHECK(bench.last_statement().at("kind") == "ledger.clear-quarantine");
  CHECK(bench.last_statement().at("body").at("causes") ==
        boost::json::array{"anchor-missing", "anchor-unreadable"});
  bench.reopen();
  REQUIRE(bench.store().quarantine().present());
  CHECK(bench.store().quarantine().present()->why == lost);
  CHECK(bench.reserve(make_request("a", "targets", 5, "five")));   // observed before the anchor was away
  CHECK(bench.reserve(make_request("a", "snapshot", 5, "five")));  // and while it was
  CHECK(why(bench.reserve(make_request("a", "timestamp", 5, "five")).error()) == "quarantined");
  REQUIRE(anchors_agree());
  CHECK(why(bench.reserve(make_request("a", "timestamp", 5, "five")).error()) == "quarantined");
  REQUIRE(begin(bench, "anchor-unreadable"));
  REQUIRE(clear(bench, "", ""));  // a person ends them all
  CHECK_FALSE(bench.store().quarantine().present());
  CHECK(bench.reserve(make_request("a", "timestamp", 5, "five")));
}

TEST_CASE("a repository that is adopted in quarantine has its root seen", "[ledger][quarantine]") {
  LedgerBench bench;
  bench.populate();
  REQUIRE(begin(bench));
  TrustedRoot root;
  root.version = 3;
  root.digest = digest_of("root 3");
  root.metadata = "{}";
  REQUIRE(bench.call([&] { return bench.store().adopt("c", MetadataFormat::Tuf, root, someone()); }));
  CHECK(bench.reserve(make_request("c", "root", 4, "four")));
  CHECK(why(bench.reserve(make_request("c", "targets", 4, "four")).error()) == "quarantined");
}

TEST_CASE("a person clears what has nothing to observe, and it is recorded", "[ledger][quarantine]") {
  LedgerBench bench;
  bench.populate();
  CHECK(clear(bench, "a", "targets").error().name == ErrorName::InvalidParameter);
  REQUIRE(begin(bench));
  CHECK(clear(bench, "a", "").error().name == ErrorName::InvalidParameter);
  CHECK(clear(bench, "nowhere", "targets").error().name == ErrorName::NotFound);
  REQUIRE(clear(bench, "a", "targets"));
  CHECK(bench.last_statement().at("kind") == "ledger.clear-quarantine");
  CHECK(bench.last_statement().at("body").at("reason") == "nothing was published");
  CHECK(bench.reserve(make_request("a", "targets", 1, "one")));
  CHECK(why(bench.reserve(make_request("a", "snapshot", 1, "one")).error()) == "quarantined");
  REQUIRE(clear(bench, "", ""));
  CHECK(bench.reserve(make_request("a", "snapshot", 1, "one")));
  CHECK_FALSE(bench.store().quarantine().present());
  bench.reopen();
  CHECK_FALSE(bench.store().quarantine().present());
}

TEST_CASE("a quarantine starts a branch of the log, without a checkpoint and without anchors",
          "[ledger][quarantine]") {
  LedgerBench bench;
  bench.populate();
  CHECK(bench.store().tree_head()->branch.empty());
  bench
      .call([&]() -> Result<void> {
        bench.store().checkpoints().note_anchor("file /anchor");
        bench.store().checkpoints().keep({1, {}, "note"});
        return {};
      })
      .value();
  CHECK(bench.store().checkpoints().anchor_known("file /anchor"));
  REQUIRE(begin(bench));
  const std::string branch = bench.store().tree_head()->branch;
  CHECK(branch.size() == 16);
  CHECK(bench.store().checkpoints().newest().note.empty());
  CHECK_FALSE(bench.store().checkpoints().anchor_known("file /anchor"));
  REQUIRE(begin(bench));
  CHECK(bench.store().tree_head()->branch != branch);
  const std::string last = bench.store().tree_head()->branch;
  REQUIRE(begin(bench, "anchor-missing"));  // nothing says that records were lost
  CHECK(bench.store().tree_head()->branch == last);
}

}  // namespace
}  // namespace signet::test
