// Many signatures in one call.
#include "agent/tokens/sign_batch.h"
#include "agent/tokens/turn_size.h"

#include "tests/agent/tokens/hsm_pair.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;

namespace {

std::string message(std::size_t number) {
  return "message " + std::to_string(number);
}

std::vector<Bytes> inputs(std::size_t count) {
  std::vector<Bytes> all;
  for (std::size_t number = 0; number < count; ++number)
    all.push_back(token_input(SignatureScheme::EcdsaSha256, as_bytes(message(number))));
  return all;
}

using Results = std::vector<std::optional<Result<TokenSignature>>>;

// Keeps what is told of each, and that all are told of once, after the beginning.
ManyWatch keep_in(Results& results) {
  const auto begun = std::make_shared<bool>(false);
  ManyWatch watch;
  watch.begun = [begun] { CHECK_FALSE(std::exchange(*begun, true)); };
  watch.ended = [begun, &results](std::size_t index, Result<TokenSignature> result) {
    CHECK(*begun);
    CHECK_FALSE(results.at(index));
    results.at(index).emplace(std::move(result));
  };
  return watch;
}

std::vector<Result<TokenSignature>> all_of(Results results) {
  std::vector<Result<TokenSignature>> all;
  for (auto& result : results) all.push_back(std::move(result.value()));
  return all;
}

std::vector<Result<TokenSignature>> sign(TokenFixture& tokens, const KeyLocation& key, std::vector<Bytes> all,
                                         Waiting waiting = {}) {
  Results results(all.size());
  run(tokens.io, tokens.service->sign_many(key, TokenMechanism::Ecdsa, std::move(all), std::move(waiting),
                                           keep_in(results)));
  return all_of(std::move(results));
}

// How many are good, each over its own message.
std::size_t good(const FoundKey& key, const std::vector<Result<TokenSignature>>& results) {
  std::size_t count = 0;
  for (std::size_t number = 0; number < results.size(); ++number)
    if (results[number] && verifies(key, as_bytes(message(number)), *results[number])) ++count;
  return count;
}

}  // namespace

TEST_CASE("a turn is as large as keeps all sessions busy and nobody waiting for long") {
  CHECK(turn_size(64, 4, 0us) == 1);    // nothing is known of the token yet
  CHECK(turn_size(64, 4, 100us) == 8);  // two turns for each session
  CHECK(turn_size(1000, 4, 100us) == kMostInTurn);
  CHECK(turn_size(1000, 4, 1000us) == 5);  // kLongestTurn
  CHECK(turn_size(1000, 4, 5000us) == 1);
  CHECK(turn_size(1000, 4, 300ms) == 1);
  CHECK(turn_size(3, 0, 100us) == 2);
  CHECK(turn_size(16, 4, 100us) == 2);  // kShortestTurn
  CHECK(turn_size(3, 64, 100us) == 2);
  CHECK(turn_size(3, 64, 251us) == 1);
  CHECK(turn_size(0, 4, 100us) == 0);
  CHECK(kMostInTurn <= host::kMostFurtherInputs + 1);
}

TEST_CASE("every message of a batch gets its own signature, in its order") {
  ShimFixture fixture;
  const KeyLocation key = location_of(fixture.alpha);
  for (const std::size_t count : {0u, 1u, 2u, 64u, 300u}) {
    CAPTURE(count);
    fixture.shim.set("");
    const auto results = sign(*fixture.tokens, key, inputs(count));
    CHECK(results.size() == count);
    CHECK(good(fixture.alpha, results) == count);
    CHECK(fixture.shim.calls("C_Sign") == count);
  }
  CHECK(fixture.shim.calls("C_OpenSession") <= 8);  // no more than the pool has
}

TEST_CASE("what cannot be signed has its own error, and the others are signed") {
  ShimFixture fixture;
  auto all = inputs(20);
  all[7].pop_back();
  const auto results = sign(*fixture.tokens, location_of(fixture.alpha), std::move(all));
  CHECK(good(fixture.alpha, results) == 19);
  CHECK(results[7].error().name == ErrorName::InvalidParameter);
}

TEST_CASE("a fault amid a batch is mended, and no message is lost or signed in another's place") {
  ShimFixture fixture;
  const KeyLocation key = location_of(fixture.alpha);
  REQUIRE(good(fixture.alpha, sign(*fixture.tokens, key, inputs(64))) == 64);
  for (const char* rule :
       {"C_Sign 20 fail 0x30", "C_SignInit 31 fail 0xb3", "C_Sign 9 crash", "C_Sign 33 fail 0x101"}) {
    CAPTURE(rule);
    fixture.shim.set(rule);
    CHECK(good(fixture.alpha, sign(*fixture.tokens, key, inputs(64))) == 64);
  }
}

TEST_CASE("a token that fails for good fails every message, and is not asked for each") {
  ShimFixture fixture;
  REQUIRE(fixture.sign());
  fixture.shim.set("C_Sign * fail 0x5");  // CKR_GENERAL_ERROR
  const auto results = sign(*fixture.tokens, location_of(fixture.alpha), inputs(64));
  for (const auto& result : results) CHECK(outcome(result).starts_with("TokenFault "));
  CHECK(std::ranges::any_of(
      results, [](const auto& result) { return outcome(result) == "TokenFault CKR_GENERAL_ERROR C_Sign"; }));
  CHECK(fixture.shim.calls("C_Sign") < 64);
}

TEST_CASE("a person is told once what a batch waits for") {
  ShimFixture fixture(false);
  fixture.cold();
  std::vector<TokenEvent::Kind> told;
  Waiting waiting;
  waiting.patience = 300ms;
  waiting.tell = [&](TokenEvent event) -> boost::asio::awaitable<void> {
    told.push_back(event.kind);
    co_return;
  };
  const auto results = sign(*fixture.tokens, location_of(fixture.alpha), inputs(40), std::move(waiting));
  for (const auto& result : results) CHECK(outcome(result) == "PinRequired");
  CHECK(told == std::vector<TokenEvent::Kind>{TokenEvent::Kind::Pin});
}

TEST_CASE("a batch is spread over all tokens that hold the key, and goes on when one fails") {
  HsmPair pair([](ModuleConfig& module) { module.sessions = 2; });
  for (std::size_t index = 0; index < 2; ++index) pair.shim(index).set("C_Sign * delay 5");
  CHECK(good(pair.found[0], sign(*pair.tokens, pair.key, inputs(80))) == 80);
  CHECK(pair.halves[0]->signatures() >= 20);
  CHECK(pair.halves[1]->signatures() >= 20);
  pair.shim(0).set("C_Sign * fail 0x30");
  CHECK(good(pair.found[0], sign(*pair.tokens, pair.key, inputs(80))) == 80);
}

TEST_CASE("one client's batch does not hold up another client") {
  ShimFixture fixture(true, [](ModuleConfig& module) { module.sessions = 1; });
  REQUIRE(good(fixture.alpha, sign(*fixture.tokens, location_of(fixture.alpha), inputs(16))) == 16);
  fixture.shim.set("C_Sign * delay 10");
  std::size_t done_before = 0;
  std::optional<std::size_t> batch;
  Waiting first, second;
  first.client.process = 1;
  second.client.process = 2;
  auto& tokens = *fixture.tokens;
  Results results(100);
  boost::asio::co_spawn(tokens.io,
                        tokens.service->sign_many(location_of(fixture.alpha), TokenMechanism::Ecdsa,
                                                  inputs(100), std::move(first), keep_in(results)),
                        [&](std::exception_ptr) { batch = good(fixture.alpha, all_of(results)); });
  run_for(tokens.io, 50ms);
  boost::asio::co_spawn(
      tokens.io,
      tokens.service->sign(location_of(fixture.alpha), TokenMechanism::Ecdsa, Bytes(32), std::move(second)),
      [&](std::exception_ptr, const Result<TokenSignature>& result) {
        CHECK(result);
        done_before = batch ? 100 : fixture.shim.calls("C_Sign");
      });
  while (!batch) run_for(tokens.io, 20ms);
  CHECK(*batch == 100);
  CHECK(done_before < 60);
}
