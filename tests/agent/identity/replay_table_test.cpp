// Counting in the ledger: the decisions, one at a time.
#include <catch2/catch.hpp>

#include "agent/ledger/replay_table.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

constexpr std::int64_t kNow = 1'790'000'000;

TokenUse use_of(const std::string& token, std::int64_t max_uses = 2) {
  TokenUse use;
  use.issuer = "https://issuer.example";
  use.token_hash = digest_of(token);
  use.uid = 1000;
  use.max_uses = max_uses;
  use.expires = kNow + 300;
  use.now = kNow;
  return use;
}

class Replays {
 public:
  TokenUseVerdict count(const TokenUse& use) {
    return bench_.call([&]() -> Result<TokenUseVerdict> { return bench_.store().replays().count(use); })
        .value();
  }
  TokenUseVerdict check(const TokenUse& use) {
    return bench_.call([&]() -> Result<TokenUseVerdict> { return bench_.store().replays().check(use); })
        .value();
  }
  LedgerBench& bench() { return bench_; }

 private:
  LedgerBench bench_;
};

TEST_CASE("a token is used as often as the policy says, and no more", "[identity][replay]") {
  Replays replays;
  CHECK(replays.count(use_of("a")) == TokenUseVerdict::Allowed);
  CHECK(replays.count(use_of("a")) == TokenUseVerdict::Allowed);
  CHECK(replays.count(use_of("a")) == TokenUseVerdict::UsedUp);
  CHECK(replays.count(use_of("b", 1)) == TokenUseVerdict::Allowed);
  CHECK(replays.count(use_of("b", 1)) == TokenUseVerdict::UsedUp);
}

TEST_CASE("uses are remembered by the next process", "[identity][replay]") {
  Replays replays;
  REQUIRE(replays.count(use_of("a", 1)) == TokenUseVerdict::Allowed);
  replays.bench().reopen();
  CHECK(replays.count(use_of("a", 1)) == TokenUseVerdict::UsedUp);
}

TEST_CASE("checking counts nothing", "[identity][replay]") {
  Replays replays;
  for (int time = 0; time < 3; ++time) CHECK(replays.check(use_of("a", 1)) == TokenUseVerdict::Allowed);
  CHECK(replays.count(use_of("a", 1)) == TokenUseVerdict::Allowed);
  CHECK(replays.check(use_of("a", 1)) == TokenUseVerdict::UsedUp);
}

TEST_CASE("a token belongs to the uid of its first use", "[identity][replay]") {
  Replays replays;
  TokenUse thief = use_of("a");
  thief.uid = 1001;
  REQUIRE(replays.count(use_of("a")) == TokenUseVerdict::Allowed);
  CHECK(replays.count(thief) == TokenUseVerdict::OtherUser);
  CHECK(replays.check(thief) == TokenUseVerdict::OtherUser);
  CHECK(replays.count(use_of("a")) == TokenUseVerdict::Allowed);  // the attempt cost the owner nothing
}

TEST_CASE("issuers do not share tokens", "[identity][replay]") {
  Replays replays;
  TokenUse other = use_of("a", 1);
  other.issuer = "https://other.example";
  REQUIRE(replays.count(use_of("a", 1)) == TokenUseVerdict::Allowed);
  CHECK(replays.count(other) == TokenUseVerdict::Allowed);
}

TEST_CASE("a policy that changes takes uses away, and never gives more", "[identity][replay]") {
  Replays replays;
  REQUIRE(replays.count(use_of("a", 3)) == TokenUseVerdict::Allowed);
  CHECK(replays.count(use_of("a", 1)) == TokenUseVerdict::UsedUp);
  REQUIRE(replays.count(use_of("b", 1)) == TokenUseVerdict::Allowed);
  CHECK(replays.count(use_of("b", 100)) == TokenUseVerdict::UsedUp);
  CHECK(replays.count(use_of("c", 0)) == TokenUseVerdict::UsedUp);
}

std::int64_t rows(LedgerBench& bench) {
  bench.close();
  Database database(bench.directory() / "ledger.db", nullptr);
  Query row(database, "SELECT count(*) FROM oidc_replay");
  return row.next() ? row.integer(0) : -1;
}

TEST_CASE("what expired long ago is forgotten, in small steps", "[identity][replay]") {
  Replays replays;
  constexpr std::int64_t kTokens = kReplayForgottenAtOnce + 10;
  for (std::int64_t number = 0; number < kTokens; ++number) {
    TokenUse use = use_of("token " + std::to_string(number));
    use.expires = kNow + number;
    REQUIRE(replays.count(use) == TokenUseVerdict::Allowed);
  }
  TokenUse late = use_of("late");
  late.expires = kNow + 100'000;
  SECTION("not before its time") {
    late.now = kNow + kReplayKept;
    REQUIRE(replays.count(late) == TokenUseVerdict::Allowed);
    CHECK(rows(replays.bench()) == kTokens + 1);
  }
  SECTION("the oldest one first") {
    late.now = kNow + kReplayKept + 1;
    REQUIRE(replays.count(late) == TokenUseVerdict::Allowed);
    CHECK(rows(replays.bench()) == kTokens);
  }
  SECTION("no more than so many at once") {
    late.now = kNow + 50'000;
    REQUIRE(replays.count(late) == TokenUseVerdict::Allowed);
    CHECK(rows(replays.bench()) == kTokens + 1 - kReplayForgottenAtOnce);
  }
}

TEST_CASE("a clock that is set back brings no token back", "[identity][replay]") {
  Replays replays;
  REQUIRE(replays.count(use_of("a", 1)) == TokenUseVerdict::Allowed);
  TokenUse next_year = use_of("b", 1);
  next_year.now = kNow + 365 * 86400;
  next_year.expires = next_year.now + 300;
  REQUIRE(replays.count(next_year) == TokenUseVerdict::Allowed);  // removes the row of "a"
  CHECK(replays.count(use_of("a", 1)) == TokenUseVerdict::Forgotten);
  TokenUse sibling = use_of("same second, never used");
  CHECK(replays.count(sibling) == TokenUseVerdict::Forgotten);
  sibling.expires += 1;
  CHECK(replays.count(sibling) == TokenUseVerdict::Allowed);
}

TEST_CASE("the table itself refuses one use too many", "[identity][replay]") {
  Replays replays;
  REQUIRE(replays.count(use_of("a", 1)) == TokenUseVerdict::Allowed);
  replays.bench().close();
  Database database(replays.bench().directory() / "ledger.db", nullptr);
  database.execute("UPDATE oidc_replay SET uses = uses + 1");
  CHECK(database.fault());
}

}  // namespace
}  // namespace signet::test
