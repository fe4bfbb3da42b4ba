// Calls by one key that wait for a session are signed in one round trip with the call that has got one.
#include "agent/tokens/turn_size.h"
#include "pkcs11/host_frame.h"
#include "tests/agent/tokens/shim_fixture.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;

namespace {

// One session, so that all calls but the first wait, and the pool knows how long a signature takes.
struct OneSession : ShimFixture {
  OneSession() : ShimFixture(true, [](ModuleConfig& module) { module.sessions = 1; }) {
    warm();
    for (int call = 0; call < 8; ++call) REQUIRE(sign());
  }

  // Calls with messages of their own, "0", "1", …; the outcomes in their order. Every signature is by that
  // key, over that message.
  std::vector<std::string> sign_all(const std::vector<FoundKey>& keys) {
    std::vector<boost::asio::awaitable<Result<TokenSignature>>> work;
    for (std::size_t call = 0; call < keys.size(); ++call)
      work.push_back(tokens->signing(keys[call], std::to_string(call)));
    const auto results = run_all(tokens->io, std::move(work));
    std::vector<std::string> told;
    for (std::size_t call = 0; call < results.size(); ++call) {
      const std::string message = std::to_string(call);
      if (results[call]) CHECK(verifies(keys[call], as_bytes(message), *results[call]));
      told.push_back(outcome(results[call]));
    }
    return told;
  }
};

const std::vector<std::string> kSigned(12, "signed");

}  // namespace

TEST_CASE("a shared turn is a fair part of what waits, and short") {
  CHECK(shared_turn_size(1, 4, 100us) == 1);
  CHECK(shared_turn_size(4, 4, 100us) == 1);  // as many sessions as calls: each has its own
  CHECK(shared_turn_size(5, 4, 100us) == 2);
  CHECK(shared_turn_size(12, 4, 100us) == 3);
  CHECK(shared_turn_size(1000, 4, 100us) == kMostInTurn);
  CHECK(shared_turn_size(1000, 4, 1000us) == 5);  // kLongestTurn
  CHECK(shared_turn_size(1000, 4, 5001us) == 1);  // a network HSM, a card
  CHECK(shared_turn_size(1000, 4, 0us) == 1);     // nothing is known of the token yet
  CHECK(shared_turn_size(8, 0, 100us) == 8);
  CHECK(kMostInTurn <= host::kMostFurtherInputs + 1);
}

TEST_CASE("a program on this machine has no use for more sessions than processors") {
  CHECK(useful_sessions(4, 2) == 2);
  CHECK(useful_sessions(1, 2) == 1);
  CHECK(useful_sessions(4, 1) == 2);  // one call that hangs shall not hold up all
}

TEST_CASE("calls that share turns have each their own signature, whatever key they are by") {
  OneSession fixture;
  const FoundKey other = *fixture.tokens->generate("alpha", KeyAlgorithm::EcdsaP256, "other");
  const FoundKey rsa = *fixture.tokens->generate("alpha", KeyAlgorithm::Rsa2048, "rsa");
  for (int round = 0; round < 5; ++round) {
    std::vector<FoundKey> keys;
    for (int call = 0; call < 4; ++call) keys.insert(keys.end(), {fixture.alpha, other, rsa});
    CHECK(fixture.sign_all(keys) == kSigned);
  }
}

TEST_CASE("a host that dies amid a shared turn spoils none of its calls") {
  OneSession fixture;
  fixture.shim.set("C_Sign 5 crash");
  CHECK(fixture.sign_all(std::vector<FoundKey>(12, fixture.alpha)) == kSigned);
  // Call by call it would have been 13: the one that died was made again. Here what its turn had made before
  // was lost with it, so there was such a turn.
  CHECK(fixture.shim.calls("C_Sign") > 13);
}

TEST_CASE("what a shared turn does not make, its calls make by themselves") {
  OneSession fixture;
  for (const char* fault : {"0x21" /* CKR_DATA_LEN_RANGE */, "0x30" /* CKR_DEVICE_ERROR */, "0x101"}) {
    for (int which = 1; which <= 12; ++which) {
      CAPTURE(fault, which);
      fixture.shim.set("C_Sign " + std::to_string(which) + " fail " + fault);
      const auto told = fixture.sign_all(std::vector<FoundKey>(12, fixture.alpha));
      // A call whose own turn the caller's fault ends is told so; one that rode along is tried alone.
      CHECK(std::ranges::count(told, "signed") >= (fault == std::string("0x21") ? 11 : 12));
    }
  }
}

TEST_CASE("a call that is not allowed any more does not ride along") {
  OneSession fixture;
  fixture.shim.set("C_Sign 1000 delay 1");  // counts anew
  auto& tokens = *fixture.tokens;
  int asked = 0;
  std::vector<boost::asio::awaitable<Result<TokenSignature>>> work;
  for (int call = 0; call < 12; ++call) {
    Waiting waiting;
    waiting.judged_at -= kFreshFor;
    waiting.still_allowed = [&asked, call]() -> boost::asio::awaitable<Result<void>> {
      ++asked;
      if (call % 2 == 0) co_return Result<void>();
      Error denied(ErrorName::PolicyDenied, "not any more");
      co_return denied;
    };
    work.push_back(tokens.service->sign(location_of(fixture.alpha), TokenMechanism::Ecdsa, Bytes(32),
                                        std::move(waiting)));
  }
  const auto results = run_all(tokens.io, std::move(work));
  for (std::size_t call = 0; call < results.size(); ++call)
    CHECK(outcome(results[call]) == (call % 2 == 0 ? "signed" : "PolicyDenied"));
  CHECK(asked == 12);
  CHECK(fixture.shim.calls("C_Sign") == 6);
}

TEST_CASE("a lock amid shared turns is answered to every call") {
  OneSession fixture;
  fixture.shim.set("C_Sign * delay 1");
  auto& tokens = *fixture.tokens;
  std::vector<std::string> told;
  for (int call = 0; call < 40; ++call) {
    boost::asio::co_spawn(
        tokens.io, tokens.signing(fixture.alpha, "x"),
        [&](std::exception_ptr, Result<TokenSignature> result) { told.push_back(outcome(result)); });
  }
  while (told.size() < 10) run_for(tokens.io, 1ms);
  REQUIRE(run(tokens.io, tokens.service->lock("alpha")));
  for (int look = 0; look < 1000 && told.size() < 40; ++look) run_for(tokens.io, 10ms);
  CHECK(told == std::vector<std::string>(40, "signed"));  // its PIN source unlocks it again
}
