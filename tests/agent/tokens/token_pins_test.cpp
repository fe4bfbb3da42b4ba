// New PINs, PINs that are kept for a time, PINs from a person's prompt: over real hosts and SoftHSM.
#include <algorithm>
#include <fstream>

#include "tests/agent/tokens/token_fixture.h"
#include "tests/build_paths.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kNewPin = "new-pin-1847";

struct PinFixture {
  explicit PinFixture(bool shared = false) : shim(lib_dir(), SoftHsm::module(), hsm.environment()) {
    hsm.add_token("alpha");
    hsm.add_token("beta");
    module = shimmed_module(hsm, shim);
    module.shared = shared;
  }
  TokenFixture& start() { return fixture.emplace(std::vector<ModuleConfig>{module}); }
  Result<TokenDescription> change(const std::string& old_pin, const std::string& new_pin) {
    return run(fixture->io, fixture->service->change_pin("alpha", Secret(old_pin), Secret(new_pin)));
  }
  Result<TokenDescription> unblock(const std::string& so_pin, const std::string& new_pin) {
    return run(fixture->io, fixture->service->unblock_pin("alpha", Secret(so_pin), Secret(new_pin)));
  }
  boost::asio::awaitable<Result<TokenSignature>> signing(const FoundKey& key, PinCache cache) {
    Waiting waiting;
    waiting.pin_cache = cache;
    return fixture->service->sign(location_of(key), mechanism_for(key.algorithm),
                                  token_input(scheme_for(key.algorithm), as_bytes("m")), std::move(waiting));
  }
  Result<TokenSignature> sign(const FoundKey& key, PinCache cache = std::nullopt) {
    return run(fixture->io, signing(key, cache));
  }
  std::size_t logins_by(unsigned long user) const {
    const auto all = shim.logins();
    return static_cast<std::size_t>(
        std::ranges::count_if(all, [&](const LoginAttempt& attempt) { return attempt.user == user; }));
  }
  SoftHsm hsm;
  FaultShim shim;
  ModuleConfig module;
  std::optional<TokenFixture> fixture;
};

constexpr unsigned long kOfficer = 0, kUser = 1;

std::string why_required(const Result<TokenSignature>& refused) {
  REQUIRE_FALSE(refused);
  CHECK(refused.error().name == ErrorName::PinRequired);
  return refused.error().message;
}

}  // namespace

TEST_CASE("a token that was unlocked goes on with its new PIN, and one that was locked stays so") {
  for (const bool shared : {false, true}) {
    PinFixture pins(shared);
    TokenFixture& fixture = pins.start();
    const auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
    REQUIRE(key);
    REQUIRE(pins.change(kUserPin, kNewPin));
    CHECK(fixture.described("alpha").state == TokenState::Locked);
    REQUIRE(fixture.unlock("alpha", kNewPin));
    REQUIRE(pins.sign(*key));
    const auto changed = pins.change(kNewPin, kUserPin);
    REQUIRE(changed);
    CHECK(changed->state == TokenState::Unlocked);
    CHECK(pins.sign(*key));
  }
}

TEST_CASE("a wrong old PIN changes nothing, costs one try, and is not sent again") {
  PinFixture pins;
  TokenFixture& fixture = pins.start();
  for (int again = 0; again < 3; ++again) {
    const auto refused = pins.change("not-the-pin", kNewPin);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().name == ErrorName::PinRefused);
    CHECK(refused.error().parameters.at("remaining") == "low");
  }
  CHECK(pins.shim.calls("C_SetPIN") == 1);
  REQUIRE(fixture.unlock("alpha"));
  const std::vector<std::string> diary = {"begin", "refused", "refused to begin", "refused to begin",
                                          "begin", "accepted"};
  CHECK(fixture.budget->diary == diary);
}

TEST_CASE("a new PIN that the token does not take leaves the old one, and no trace in the budget") {
  PinFixture pins;
  TokenFixture& fixture = pins.start();
  const auto refused = pins.change(kUserPin, "abc");  // SoftHSM: 4 to 255
  REQUIRE_FALSE(refused);
  CHECK(refused.error().name == ErrorName::InvalidParameter);
  CHECK(refused.error().parameters.at("parameter") == "newPin");
  CHECK(pins.shim.calls("C_SetPIN") == 0);
  CHECK(fixture.unlock("alpha"));
}

TEST_CASE("the security officer's PIN sets a new one, within a budget of its own") {
  PinFixture pins;
  TokenFixture& fixture = pins.start();
  for (int again = 0; again < 3; ++again) {
    const auto refused = pins.unblock("not-the-so-pin", kNewPin);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().name == ErrorName::PinRefused);
    if (again == 0) CHECK(refused.error().message.find("security officer") != std::string::npos);
  }
  CHECK(pins.logins_by(kOfficer) == 1);
  CHECK(fixture.unlock("alpha"));  // the user's PIN has a budget of its own
  REQUIRE(pins.unblock(kSoPin, kNewPin));
  CHECK(fixture.unlock("alpha", kNewPin));
}

TEST_CASE("a PIN that is kept for one use serves one signature, also when many are asked for at once") {
  for (const bool shared : {false, true}) {
    PinFixture pins(shared);
    ScratchDir dir;
    pins.module.pins.push_back(pin_file(dir, "alpha", kUserPin));
    TokenFixture& fixture = pins.start();
    const auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
    REQUIRE(key);
    const std::size_t before = pins.logins_by(kUser);
    std::vector<boost::asio::awaitable<Result<TokenSignature>>> work;
    for (int i = 0; i < 6; ++i) work.push_back(pins.signing(*key, 0s));
    for (const auto& signature : run_all(fixture.io, std::move(work))) {
      REQUIRE(signature);
      CHECK(verifies(*key, as_bytes("m"), *signature));
    }
    CHECK(pins.logins_by(kUser) == before + 6);
  }
}

TEST_CASE("without a source, a person is asked for each") {
  PinFixture pins;
  TokenFixture& fixture = pins.start();
  const auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
  REQUIRE(key);
  REQUIRE(fixture.unlock("alpha"));
  REQUIRE(pins.sign(*key, 0s));
  CHECK(why_required(pins.sign(*key, 0s)).find("one signature only") != std::string::npos);
  REQUIRE(fixture.unlock("alpha"));
  CHECK(pins.sign(*key));             // by a rule that says nothing of it
  why_required(pins.sign(*key, 0s));  // it served one
}

TEST_CASE("a PIN is forgotten when its time is over, though nobody asks") {
  PinFixture pins;
  TokenFixture& fixture = pins.start();
  const auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
  REQUIRE(key);
  REQUIRE(fixture.unlock("alpha"));
  REQUIRE(pins.sign(*key, 1h));
  REQUIRE(pins.sign(*key, 1s));
  run_for(fixture.io, 1500ms);
  CHECK(fixture.described("alpha").state == TokenState::Locked);
  CHECK(why_required(pins.sign(*key)).find("for 1 s at most") != std::string::npos);
  REQUIRE(fixture.unlock("alpha"));  // the next login has its own time
  CHECK(pins.sign(*key));
}

TEST_CASE("a token of a shared host that is locked takes no other along") {
  PinFixture pins(true);
  TokenFixture& fixture = pins.start();
  const auto alpha = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
  const auto beta = fixture.generate("beta", KeyAlgorithm::EcdsaP256, "k");
  REQUIRE(alpha);
  REQUIRE(beta);
  REQUIRE(fixture.unlock("alpha"));
  REQUIRE(fixture.unlock("beta"));
  REQUIRE(pins.sign(*beta));
  REQUIRE(run(fixture.io, fixture.service->lock("alpha")));
  CHECK(fixture.described("alpha").state == TokenState::Locked);
  CHECK(why_required(pins.sign(*alpha)).find("it was locked") != std::string::npos);
  CHECK(pins.sign(*beta));
  REQUIRE(fixture.unlock("alpha"));
  CHECK(pins.sign(*alpha));
}

TEST_CASE(
    "a person's prompt is a source: a mistyped PIN is asked for again, and a cancelled one is PinRequired") {
  PinFixture pins;
  PinSource source;
  source.kind = PinSource::Kind::Pinentry;
  source.token = "alpha";
  pins.module.pins.push_back(source);
  TokenFixture& fixture = pins.start();
  std::vector<std::string> answers = {"mistyped", kUserPin}, errors;
  fixture.service->ask_through(
      [&](std::string token, std::string error) -> boost::asio::awaitable<Result<Secret>> {
        CHECK(token == "alpha");
        errors.push_back(error);
        if (answers.empty())
          co_return Error(ErrorName::PinRequired, "No PIN was entered.", {{"token", token}});
        Secret answer(answers.front());
        answers.erase(answers.begin());
        co_return answer;
      });
  const auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
  REQUIRE(key);
  REQUIRE(pins.sign(*key));
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].empty());
  CHECK(errors[1].find("it is wrong") != std::string::npos);
  REQUIRE(run(fixture.io, fixture.service->lock("alpha")));
  CHECK(why_required(pins.sign(*key)).find("No PIN was entered") != std::string::npos);

  answers = {kUserPin};
  const auto unlocked = run(fixture.io, fixture.service->unlock_by_prompt("alpha", std::nullopt));
  REQUIRE(unlocked);
  CHECK(unlocked->state == TokenState::Unlocked);
}

TEST_CASE("a prompt ends after three wrong PINs, and nobody is asked where there is no pinentry") {
  PinFixture pins;
  TokenFixture& fixture = pins.start();
  const auto nobody = run(fixture.io, fixture.service->unlock_by_prompt("alpha", std::nullopt));
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error().name == ErrorName::PinRequired);
  int asked = 0;
  fixture.service->ask_through([&](std::string, std::string) -> boost::asio::awaitable<Result<Secret>> {
    co_return Secret("wrong-pin-" + std::to_string(++asked));
  });
  const auto refused = run(fixture.io, fixture.service->unlock_by_prompt("alpha", std::nullopt));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().name == ErrorName::PinRefused);
  CHECK(asked == 3);
}

TEST_CASE("a token that nobody uses is released, and one that is used is not") {
  PinFixture pins;
  pins.module.idle_release = 700ms;
  TokenFixture& fixture = pins.start();
  const auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
  REQUIRE(key);
  REQUIRE(fixture.unlock("alpha"));
  for (int i = 0; i < 5; ++i) {
    run_for(fixture.io, 300ms);
    REQUIRE(pins.sign(*key));
  }
  run_for(fixture.io, 1500ms);
  CHECK(why_required(pins.sign(*key)).find("released to other programs") != std::string::npos);
}
