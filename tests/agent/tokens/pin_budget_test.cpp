// The PIN budget: its rules, its key file, and what the ledger keeps of it.
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "agent/ledger/ledger.h"
#include "agent/tokens/pin_told.h"
#include "tests/agent/tokens/token_fixture.h"

using namespace signet;
using namespace signet::test;

namespace {

Ledger::PinAttempts attempts(std::int64_t wrong, std::vector<std::string> refused, std::string pending = "") {
  Ledger::PinAttempts made;
  made.wrong = wrong;
  made.refused = std::move(refused);
  made.open = !pending.empty();
  made.pending = std::move(pending);
  return made;
}

std::string verdict(const Ledger::PinAttempts& before, PinState told, bool tells,
                    const std::string& value = "v") {
  const auto checked = check_pin_attempt(before, value, told_by_flags(told, tells), "alpha");
  if (checked) return "sent";
  CHECK(checked.error().name == ErrorName::PinRefused);
  CHECK(checked.error().parameters.at("token").as_string() == "alpha");
  return std::string(checked.error().parameters.at("remaining").as_string());
}

struct LedgerFixture {
  LedgerFixture()
      : ledger(*Ledger::create(dir.path())),
        budget(std::make_unique<LedgerPinBudget>(dir.path(), ledger.get())) {}
  bool begin(std::string_view pin, PinState told = PinState::Ok, bool tells = false) {
    return run(io, budget->begin("maker/1", Secret(pin), told_by_flags(told, tells), PinGiver::Person))
        .has_value();
  }
  // What a PIN source gives; `told` as the token tells it.
  bool source_gives(std::string_view pin, PinTold told = PinTold()) {
    return run(io, budget->begin("maker/1", Secret(pin), told, PinGiver::Source)).has_value();
  }
  void end(PinOutcome outcome) { REQUIRE(run(io, budget->end("maker/1", outcome))); }
  // As after a restart of the agent, perhaps a hard one.
  void restart() {
    budget.reset();
    ledger.reset();
    ledger = *Ledger::open(dir.path());
    budget = std::make_unique<LedgerPinBudget>(dir.path(), ledger.get());
  }
  ScratchDir dir;
  boost::asio::io_context io{1};
  std::unique_ptr<Ledger> ledger;
  std::unique_ptr<LedgerPinBudget> budget;
};

}  // namespace

TEST_CASE("the rules of the PIN budget") {
  const auto clean = attempts(0, {});
  CHECK(verdict(clean, PinState::Ok, false) == "sent");
  CHECK(verdict(clean, PinState::Low, true) == "sent");
  // Software never takes the last try.
  CHECK(verdict(clean, PinState::Final, true) == "final");
  CHECK(verdict(clean, PinState::Blocked, true) == "locked");
  // A refused value is never sent again, whatever the token says.
  CHECK(verdict(attempts(1, {"v"}), PinState::Low, true) == "low");
  CHECK(verdict(attempts(1, {"v"}), PinState::Ok, true) == "unknown");
  // Another value: only where the token tells how many tries are left.
  CHECK(verdict(attempts(1, {"w"}), PinState::Low, true) == "sent");
  CHECK(verdict(attempts(1, {"w"}), PinState::Ok, false) == "unknown");
  // An outcome that never became known counts as wrong, unless the token counts and has counted none.
  CHECK(verdict(attempts(0, {}, "v"), PinState::Ok, false) == "unknown");
  CHECK(verdict(attempts(0, {}, "w"), PinState::Ok, false) == "unknown");
  CHECK(verdict(attempts(0, {}, "v"), PinState::Ok, true) == "sent");
  CHECK(verdict(attempts(0, {}, "v"), PinState::Low, true) == "low");
  CHECK(verdict(attempts(0, {}, "w"), PinState::Low, true) == "sent");
}

TEST_CASE("one wrong value stops the budget for good, over restarts, until success or a reset") {
  LedgerFixture fixture;
  REQUIRE(fixture.begin("wrong"));
  fixture.end(PinOutcome::Refused);
  CHECK_FALSE(fixture.begin("wrong"));
  CHECK_FALSE(fixture.begin("other"));
  fixture.restart();
  CHECK_FALSE(fixture.begin("wrong", PinState::Low, true));
  REQUIRE(fixture.begin("right", PinState::Low, true));
  fixture.end(PinOutcome::Accepted);
  CHECK(fixture.begin("wrong"));  // success clears it
}

TEST_CASE("an attempt that a crash cut short counts, unless the token says that there was none") {
  LedgerFixture fixture;
  REQUIRE(fixture.begin("pin"));
  fixture.restart();
  CHECK_FALSE(fixture.begin("pin"));
  CHECK_FALSE(fixture.begin("other"));
  CHECK_FALSE(fixture.begin("pin", PinState::Low, true));
  REQUIRE(fixture.begin("pin", PinState::Ok, true));
  fixture.restart();  // once more, as often as it happens
  REQUIRE(fixture.begin("pin", PinState::Ok, true));
  fixture.end(PinOutcome::Accepted);
  CHECK(fixture.begin("pin"));
}

TEST_CASE("what the token never compared costs nothing") {
  LedgerFixture fixture;
  REQUIRE(fixture.begin("123"));
  fixture.end(PinOutcome::NotTried);
  REQUIRE(fixture.begin("123456"));
  fixture.end(PinOutcome::Unknown);
  CHECK_FALSE(fixture.begin("123456"));
  CHECK_FALSE(fixture.begin("654321"));
}

TEST_CASE("a value that was accepted and is refused later is kept as refused") {
  LedgerFixture fixture;
  REQUIRE(fixture.begin("pin"));
  fixture.end(PinOutcome::Accepted);
  REQUIRE(run(fixture.io, fixture.budget->refused_later("maker/1")));
  CHECK_FALSE(fixture.begin("pin", PinState::Low, true));
  CHECK(fixture.begin("new pin", PinState::Low, true));
}

TEST_CASE("neither the ledger nor the key file holds the PIN; tokens do not share values") {
  LedgerFixture fixture;
  REQUIRE(fixture.begin("very-secret-pin"));
  fixture.end(PinOutcome::Refused);
  const auto here = run(fixture.io, fixture.ledger->pin_attempts("maker/1"));
  REQUIRE(here);
  REQUIRE(here->refused.size() == 1);
  CHECK(here->refused.front().size() == 64);
  REQUIRE(run(fixture.io, fixture.budget->begin("maker/2", Secret(std::string_view("very-secret-pin")),
                                                PinTold(), PinGiver::Person)));
  const auto there = run(fixture.io, fixture.ledger->pin_attempts("maker/2"));
  CHECK(there->pending != here->refused.front());
  fixture.budget.reset();
  fixture.ledger.reset();
  for (const auto& file : std::filesystem::directory_iterator(fixture.dir.path())) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(in), {}};
    CAPTURE(file.path());
    CHECK(content.find("very-secret-pin") == std::string::npos);
  }
}

TEST_CASE("the key file is made once, mode 0600, and anything else in its place is refused") {
  ScratchDir dir;
  const auto file = dir / "pin-budget.key";
  const auto made = load_pin_budget_key(file);
  REQUIRE(made);
  CHECK(made->size() == 32);
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  const auto again = load_pin_budget_key(file);
  REQUIRE(again);
  CHECK(again->text() == made->text());

  REQUIRE(::chmod(file.c_str(), 0640) == 0);
  CHECK(load_pin_budget_key(file).error().name == ErrorName::LedgerUnavailable);
  REQUIRE(::chmod(file.c_str(), 0600) == 0);
  std::filesystem::resize_file(file, 31);
  CHECK(load_pin_budget_key(file).error().name == ErrorName::LedgerUnavailable);
  std::filesystem::remove(file);
  std::filesystem::create_symlink(dir / "elsewhere", file);
  CHECK(load_pin_budget_key(file).error().name == ErrorName::LedgerUnavailable);
  CHECK(load_pin_budget_key("/nonexistent/pin-budget.key").error().name == ErrorName::LedgerUnavailable);
}

TEST_CASE("without a ledger the rules hold in memory, and go on to hold when there is one") {
  ScratchDir dir;
  boost::asio::io_context io(1);
  LedgerPinBudget budget(dir.path(), nullptr);
  const auto begin = [&](std::string_view pin) {
    return run(io, budget.begin("maker/1", Secret(pin), PinTold(), PinGiver::Person)).has_value();
  };
  REQUIRE(begin("wrong"));
  REQUIRE(run(io, budget.end("maker/1", PinOutcome::Refused)));
  CHECK_FALSE(begin("wrong"));
  CHECK_FALSE(begin("right"));
  CHECK_FALSE(std::filesystem::exists(dir / "pin-budget.key"));
  const auto ledger = *Ledger::create(dir.path());
  budget.set_ledger(ledger.get());
  CHECK_FALSE(begin("right"));
  REQUIRE(run(io, budget.clear("maker/1")));
  CHECK(begin("right"));
  budget.set_ledger(nullptr);
}

TEST_CASE("tokens are told apart by maker and serial number, or by label") {
  CHECK(pin_budget_id("Yubico", "123", "a") == pin_budget_id("Yubico", "123", "b"));
  CHECK(pin_budget_id("Yubico", "123", "a") != pin_budget_id("Other", "123", "a"));
  CHECK(pin_budget_id("Yubico", "", "a") != pin_budget_id("Yubico", "", "b"));
  CHECK(pin_budget_id("Yubico", "", "123") != pin_budget_id("Yubico", "123", ""));
}

TEST_CASE("where the card counts its tries, the count decides, and the last one is never taken") {
  const auto with = [](std::uint32_t left, std::uint32_t full) {
    host::Tries tries;
    tries.known = true;
    tries.left = left;
    tries.full = full;
    return told_by_count(tries);
  };
  const auto sent = [&](const Ledger::PinAttempts& before, const PinTold& told) {
    return check_pin_attempt(before, "v", told, "alpha").has_value();
  };
  CHECK(sent(attempts(0, {}), with(3, 3)));
  CHECK(sent(attempts(1, {"w"}), with(2, 3)));  // another value than the wrong one
  CHECK_FALSE(sent(attempts(1, {"v"}), with(2, 3)));
  CHECK_FALSE(sent(attempts(2, {"w", "x"}), with(1, 3)));
  CHECK_FALSE(sent(attempts(0, {}), with(1, 0)));  // whatever was tried before
  CHECK_FALSE(sent(attempts(0, {}), with(0, 3)));
  // An outcome that never became known did no harm if no try is missing, which only a card can say that tells
  // how many it has in all.
  CHECK(sent(attempts(0, {}, "v"), with(3, 3)));
  CHECK_FALSE(sent(attempts(0, {}, "v"), with(3, 0)));
  CHECK_FALSE(sent(attempts(0, {}, "v"), with(2, 3)));
  const auto refused = check_pin_attempt(attempts(0, {}), "v", with(1, 3), "alpha");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().parameters.at("left") == 1);
  CHECK(refused.error().message.find("One try is left.") != std::string::npos);
}

TEST_CASE("a source may give one other value after what was right is refused, and no more") {
  LedgerFixture fixture;
  REQUIRE(fixture.source_gives("old"));
  fixture.end(PinOutcome::Accepted);
  REQUIRE(run(fixture.io, fixture.budget->refused_later("maker/1")));  // it was changed elsewhere
  CHECK_FALSE(fixture.source_gives("old"));                            // the source does not know yet
  CHECK_FALSE(fixture.begin("typed"));  // a person's guess is not the source's word
  REQUIRE(fixture.source_gives("new"));
  fixture.end(PinOutcome::Refused);
  CHECK_FALSE(fixture.source_gives("newer"));
}

TEST_CASE("a source's first value that is wrong gives it no second one") {
  LedgerFixture fixture;
  REQUIRE(fixture.source_gives("wrong"));
  fixture.end(PinOutcome::Refused);
  CHECK_FALSE(fixture.source_gives("other"));
}

TEST_CASE("what was right is not taken from a source once the card has counted a wrong PIN") {
  LedgerFixture fixture;
  PinTold fresh, counted;
  fresh.tells = fresh.untouched = counted.tells = true;
  fresh.left = 3;
  counted.left = 2;
  REQUIRE(fixture.source_gives("pin", fresh));
  fixture.end(PinOutcome::Accepted);
  CHECK_FALSE(fixture.source_gives("pin", counted));
  CHECK(fixture.source_gives("new pin", counted));
  fixture.end(PinOutcome::NotTried);
  CHECK(run(fixture.io, fixture.budget->begin("maker/1", Secret("pin"), counted, PinGiver::Person)));
}

TEST_CASE("a PIN that was replaced is not taken from its source, and stands in nobody's way") {
  LedgerFixture fixture;
  REQUIRE(fixture.begin("old"));
  fixture.end(PinOutcome::Accepted);
  REQUIRE(run(fixture.io, fixture.budget->replaced("maker/1")));
  CHECK_FALSE(fixture.source_gives("old"));
  REQUIRE(fixture.source_gives("new"));
  fixture.end(PinOutcome::Accepted);
  CHECK(fixture.source_gives("new"));
}
