// The decision table of docs/ledger.md, cell by cell.
#include "agent/ledger/version_rules.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

const std::string kWanted = "aaaa";
const std::string kOther = "bbbb";
const std::string kThird = "cccc";

KeyFacts enrolled_key() {
  KeyFacts key;
  key.fingerprint = "f1";
  return key;
}

VersionFacts nothing_known() {
  VersionFacts facts;
  facts.keys.push_back(enrolled_key());
  return facts;
}

WantedVersion want(std::int64_t version, bool supersede = false) {
  WantedVersion wanted;
  wanted.version = version;
  wanted.digest = kWanted;
  wanted.supersede = supersede;
  return wanted;
}

MarkRow mark(const std::string& digest, MarkRowState state) {
  MarkRow row;
  row.digest = digest;
  row.state = state;
  row.released = state == MarkRowState::Released || state == MarkRowState::Superseded ||
                 state == MarkRowState::Contradicted;
  return row;
}

// One cell: the marks of version 5, the highest version known, and what comes of asking for version 5.
struct Cell {
  const char* what;
  std::vector<MarkRow> marks;
  std::int64_t highest;
  Ruling plain;      // without supersede
  Ruling supersede;  // with it
  bool replaces;     // with it: the release is replaced
};

const std::vector<Cell>& cells() {
  using enum MarkRowState;
  static const std::vector<Cell> table{
      {"nothing known", {}, 0, Ruling::Accept, Ruling::Accept, false},
      {"an older version stands", {}, 4, Ruling::Accept, Ruling::Accept, false},
      {"a newer version stands", {}, 6, Ruling::Older, Ruling::Older, false},
      {"reserved, same bytes", {mark(kWanted, Reserved)}, 4, Ruling::Accept, Ruling::Accept, false},
      {"reserved, same bytes, newer stands",
       {mark(kWanted, Reserved)},
       6,
       Ruling::Older,
       Ruling::Older,
       false},
      {"reserved, other bytes", {mark(kOther, Reserved)}, 4, Ruling::Accept, Ruling::Accept, false},
      {"reserved, other bytes, newer stands",
       {mark(kOther, Reserved)},
       6,
       Ruling::Older,
       Ruling::Older,
       false},
      {"released, same bytes", {mark(kWanted, Released)}, 5, Ruling::Accept, Ruling::Accept, false},
      {"released, same bytes, newer stands",
       {mark(kWanted, Released)},
       6,
       Ruling::Accept,
       Ruling::Accept,
       false},
      {"released, other bytes", {mark(kOther, Released)}, 5, Ruling::OtherBytes, Ruling::Accept, true},
      {"released, other bytes, newer stands",
       {mark(kOther, Released)},
       6,
       Ruling::OtherBytes,
       Ruling::Older,
       false},
      {"observed, same bytes", {mark(kWanted, Observed)}, 5, Ruling::Accept, Ruling::Accept, false},
      {"observed, same bytes, newer stands",
       {mark(kWanted, Observed)},
       6,
       Ruling::Accept,
       Ruling::Accept,
       false},
      {"observed, other bytes", {mark(kOther, Observed)}, 5, Ruling::OtherBytes, Ruling::OtherBytes, false},
      {"observed, other bytes, newer stands",
       {mark(kOther, Observed)},
       6,
       Ruling::OtherBytes,
       Ruling::OtherBytes,
       false},
      {"these bytes were superseded",
       {mark(kWanted, Superseded), mark(kOther, Released)},
       5,
       Ruling::OtherBytes,
       Ruling::Accept,
       true},
      {"other bytes were superseded by these",
       {mark(kOther, Superseded), mark(kWanted, Released)},
       5,
       Ruling::Accept,
       Ruling::Accept,
       false},
      {"superseded, and the successor was observed",
       {mark(kWanted, Superseded), mark(kOther, Observed)},
       5,
       Ruling::OtherBytes,
       Ruling::OtherBytes,
       false},
      {"these bytes were contradicted",
       {mark(kWanted, Contradicted), mark(kOther, Observed)},
       5,
       Ruling::OtherBytes,
       Ruling::OtherBytes,
       false},
      {"other bytes were contradicted by these",
       {mark(kOther, Contradicted), mark(kWanted, Observed)},
       5,
       Ruling::Accept,
       Ruling::Accept,
       false},
      {"a reservation to supersede that came to nothing",
       {mark(kOther, Released), mark(kWanted, Reserved)},
       5,
       Ruling::OtherBytes,
       Ruling::Accept,
       true},
      {"another reservation to supersede came to nothing",
       {mark(kOther, Released), mark(kThird, Reserved)},
       5,
       Ruling::OtherBytes,
       Ruling::Accept,
       true},
      {"released, same bytes, a supersession came to nothing",
       {mark(kWanted, Released), mark(kOther, Reserved)},
       5,
       Ruling::Accept,
       Ruling::Accept,
       false},
  };
  return table;
}

TEST_CASE("each state of a version's marks decides", "[ledger][rules]") {
  for (const Cell& cell : cells()) {
    INFO(cell.what);
    VersionFacts facts = nothing_known();
    facts.marks = cell.marks;
    facts.highest = cell.highest;
    const Decision plain = decide(facts, want(5));
    CHECK(plain.ruling == cell.plain);
    CHECK_FALSE(plain.supersedes.has_value());
    const Decision supersede = decide(facts, want(5, true));
    CHECK(supersede.ruling == cell.supersede);
    CHECK(supersede.supersedes.has_value() == cell.replaces);
    if (cell.replaces) CHECK(supersede.supersedes == kOther);
    if (cell.plain == Ruling::OtherBytes) CHECK(plain.against == kOther);
  }
}

TEST_CASE("other bytes in flight make every accepted request wait, and no other", "[ledger][rules]") {
  for (const Cell& cell : cells()) {
    INFO(cell.what);
    VersionFacts facts = nothing_known();
    facts.marks = cell.marks;
    facts.highest = cell.highest;
    facts.other_bytes_in_flight = true;
    CHECK(decide(facts, want(5)).ruling == (cell.plain == Ruling::Accept ? Ruling::Busy : cell.plain));
    CHECK(decide(facts, want(5, true)).ruling ==
          (cell.supersede == Ruling::Accept ? Ruling::Busy : cell.supersede));
  }
}

TEST_CASE("released_before tells of this ledger's own releases", "[ledger][rules]") {
  VersionFacts facts = nothing_known();
  facts.marks = {mark(kWanted, MarkRowState::Released)};
  CHECK(decide(facts, want(5)).released_before);
  facts.marks = {mark(kWanted, MarkRowState::Reserved)};
  CHECK_FALSE(decide(facts, want(5)).released_before);
  facts.marks = {mark(kWanted, MarkRowState::Observed)};
  CHECK_FALSE(decide(facts, want(5)).released_before);
}

TEST_CASE("a key must be enrolled, active, and of one pair", "[ledger][rules]") {
  VersionFacts facts = nothing_known();
  facts.keys.push_back(enrolled_key());
  KeyFacts& second = facts.keys[1];
  SECTION("not enrolled") {
    second.enrolled = false;
    const Decision decision = decide(facts, want(5));
    CHECK(decision.ruling == Ruling::KeyUnknown);
    CHECK(decision.key == 1);
  }
  SECTION("retired") {
    second.retired = true;
    CHECK(decide(facts, want(5)).ruling == Ruling::KeyRetired);
    WantedVersion root = want(5);
    root.root = true;
    CHECK(decide(facts, root).ruling == Ruling::Accept);
  }
  SECTION("it serves another pair") {
    second.other_pair = "b targets";
    const Decision decision = decide(facts, want(5));
    CHECK(decision.ruling == Ruling::SharedKey);
    CHECK(decision.key == 1);
  }
  SECTION("it may be about to serve another pair") {
    second.in_flight_elsewhere = true;
    CHECK(decide(facts, want(5)).ruling == Ruling::Busy);
  }
}

// What the key released of this version before, where the version mark by itself would accept.
TEST_CASE("a key's own memory decides too", "[ledger][rules]") {
  using enum MarkRowState;
  VersionFacts facts = nothing_known();
  std::vector<std::string>& released = facts.keys[0].released;
  SECTION("the same bytes: again") {
    released = {kWanted};
    CHECK(decide(facts, want(5)).ruling == Ruling::Accept);
  }
  SECTION("other bytes, of an epoch before: never, and supersede does not help") {
    released = {kOther};
    const Decision decision = decide(facts, want(5));
    CHECK(decision.ruling == Ruling::KeyUsed);
    CHECK(decision.against == kOther);
    CHECK(decide(facts, want(5, true)).ruling == Ruling::KeyUsed);
  }
  SECTION("other bytes, that these supersede now") {
    released = {kOther};
    facts.marks = {mark(kOther, Released)};
    CHECK(decide(facts, want(5, true)).ruling == Ruling::Accept);
  }
  SECTION("other bytes of an epoch before beside those that are superseded now") {
    released = {kOther, kThird};
    facts.marks = {mark(kOther, Released)};
    CHECK(decide(facts, want(5, true)).ruling == Ruling::KeyUsed);
  }
  SECTION("other bytes, that these superseded before") {
    released = {kOther};
    facts.marks = {mark(kOther, Superseded), mark(kWanted, Released)};
    CHECK(decide(facts, want(5)).ruling == Ruling::Accept);
  }
  SECTION("other bytes, and these were observed: it would sign two payloads of one version") {
    released = {kOther};
    facts.marks = {mark(kOther, Contradicted), mark(kWanted, Observed)};
    CHECK(decide(facts, want(5)).ruling == Ruling::KeyUsed);
    CHECK(decide(facts, want(5, true)).ruling == Ruling::KeyUsed);
  }
  SECTION("it released both before: nothing new leaves") {
    released = {kOther, kWanted};
    facts.marks = {mark(kOther, Contradicted), mark(kWanted, Observed)};
    CHECK(decide(facts, want(5)).ruling == Ruling::Accept);
  }
}

TEST_CASE("a refusal that waiting cannot mend comes before Busy", "[ledger][rules]") {
  VersionFacts facts = nothing_known();
  facts.other_bytes_in_flight = true;
  facts.keys[0].other_pair = "b targets";
  CHECK(decide(facts, want(5)).ruling == Ruling::SharedKey);
}

}  // namespace
}  // namespace signet
