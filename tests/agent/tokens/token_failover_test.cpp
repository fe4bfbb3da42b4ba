// One key on two HSMs: who is asked, what happens when one of them fails, and how it comes back.
#include <boost/asio/detached.hpp>

#include "tests/agent/tokens/hsm_pair.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

std::vector<Result<TokenSignature>> sign_many(HsmPair& pair, int count) {
  std::vector<boost::asio::awaitable<Result<TokenSignature>>> work;
  for (int call = 0; call < count; ++call) work.push_back(pair.signing());
  return run_all(pair.tokens->io, std::move(work));
}

}  // namespace

TEST_CASE("calls at the same time are spread over both tokens") {
  HsmPair pair;
  for (std::size_t index = 0; index < 2; ++index) pair.shim(index).set("C_Sign * delay 20");
  for (const auto& result : sign_many(pair, 40)) CHECK(result);
  CHECK(pair.halves[0]->signatures() >= 15);
  CHECK(pair.halves[1]->signatures() >= 15);
}

TEST_CASE("weight says how the load is shared, order who is asked at all") {
  HsmPair pair;
  for (std::size_t index = 0; index < 2; ++index) pair.shim(index).set("C_Sign * delay 20");
  pair.key.also[0].weight = 4;
  for (const auto& result : sign_many(pair, 40)) CHECK(result);
  CHECK(pair.halves[1]->signatures() >= 2 * pair.halves[0]->signatures());
  pair.clear();
  pair.key.order = 1;
  for (const auto& result : sign_many(pair, 20)) CHECK(result);
  CHECK(pair.halves[0]->signatures() == 0);
}

TEST_CASE("every fault of a token sends the call on to the next") {
  HsmPair pair;
  for (const char* rule : {"C_Sign * fail 0x30", "C_SignInit * fail 0x5", "C_Sign * fail 0xe0",
                           "C_Sign * fail 0x101", "C_Sign * fail 0x70", "C_Sign * crash"}) {
    CAPTURE(rule);
    pair.shim(0).set(rule);
    CHECK(pair.outcome_of(pair.sign()) == "signed on 1");
    CHECK_FALSE(pair.fault(0).empty());
    pair.shim(0).clear();
    CHECK(pair.soon([&] { return pair.fault(0).empty(); }));
    CHECK(pair.outcome_of(pair.sign()) == "signed on 0");
  }
}

TEST_CASE("a failed token is passed over, not asked first each time, until it works again") {
  HsmPair pair;
  pair.shim(0).set("C_Sign * fail 0x30\nC_OpenSession * fail 0x30");
  REQUIRE(pair.outcome_of(pair.sign()) == "signed on 1");
  const auto asked = pair.halves[0]->signatures();
  for (int call = 0; call < 10; ++call) CHECK(pair.outcome_of(pair.sign()) == "signed on 1");
  CHECK(pair.halves[0]->signatures() == asked);
  CHECK(pair.fault(0).find("CKR_DEVICE_ERROR") != std::string::npos);
  CHECK(pair.fault(1).empty());
  pair.shim(0).clear();
  CHECK(pair.soon([&] { return pair.fault(0).empty(); }));
  CHECK(pair.halves[0]->signatures() == asked);  // nothing was signed to find that out
}

TEST_CASE("a call that hangs on one token is answered by the other after its deadline") {
  HsmPair pair([](ModuleConfig& module) { module.deadlines.sign = 500ms; });
  pair.shim(0).set("C_Sign 1 hang");
  const auto start = Clock::now();
  CHECK(pair.outcome_of(pair.sign()) == "signed on 1");
  CHECK(Clock::now() - start < 3s);
}

// A host that does not start takes a deadline each time: those that wait for it go elsewhere after the first.
TEST_CASE("those that wait for a token that does not start wait for one deadline, not for one each") {
  HsmPair pair([](ModuleConfig& module) { module.deadlines.login = 1500ms; });
  run(pair.tokens->io, pair.tokens->service->lock("east"));
  pair.shim(0).set("C_Initialize * hang");
  const auto start = Clock::now();
  for (const auto& result : sign_many(pair, 16)) CHECK(pair.outcome_of(result) == "signed on 1");
  CHECK(Clock::now() - start < 6s);
}

TEST_CASE("with both tokens gone the error says so; when one is back, it signs") {
  HsmPair pair;
  for (std::size_t index = 0; index < 2; ++index) pair.shim(index).set("C_Sign * fail 0x30");
  const auto failed = pair.sign();
  REQUIRE_FALSE(failed);
  CHECK(outcome(failed) == "TokenFault CKR_DEVICE_ERROR C_Sign");
  CHECK(failed.error().message.find("None of the 2 tokens") != std::string::npos);
  CHECK_FALSE(pair.fault(0).empty());
  CHECK_FALSE(pair.fault(1).empty());
  pair.shim(1).clear();  // and nobody has noticed yet
  CHECK(pair.outcome_of(pair.sign()) == "signed on 1");
  CHECK(pair.fault(1).empty());
}

TEST_CASE("a token that is locked is passed over, and asked again once it is unlocked") {
  HsmPair pair({false, true}, nullptr);
  run(pair.tokens->io, pair.tokens->service->lock("east"));
  CHECK(pair.outcome_of(pair.sign()) == "signed on 1");
  CHECK(pair.fault(0).find("needs its PIN") != std::string::npos);
  const auto logins = pair.shim(0).logins().size();
  run_for(pair.tokens->io, 1500ms);  // it is looked at meanwhile, and no PIN is sent
  CHECK(pair.shim(0).logins().size() == logins);
  REQUIRE(pair.tokens->unlock("east"));
  CHECK(pair.soon([&] { return pair.fault(0).empty(); }, 2s));
  CHECK(pair.outcome_of(pair.sign()) == "signed on 0");
}

TEST_CASE("each token has a PIN budget of its own, and looking after a token spends none of it") {
  HsmPair pair;
  run(pair.tokens->io, pair.tokens->service->lock("east"));
  pair.shim(0).set("C_Login * fail 0xa0");  // CKR_PIN_INCORRECT: it was changed there
  const auto before = pair.shim(0).logins().size();
  CHECK(pair.outcome_of(pair.sign()) == "signed on 1");
  for (int call = 0; call < 20; ++call) CHECK(pair.outcome_of(pair.sign()) == "signed on 1");
  run_for(pair.tokens->io, 3s);  // several looks
  CHECK(pair.shim(0).logins().size() == before + 1);
  CHECK_FALSE(pair.fault(0).empty());
  CHECK(pair.fault(1).empty());
}

// What a signature says is the same wherever it is made: here each call's own bytes, while one host dies
// again and again.
TEST_CASE("no call is lost while one of two hosts is killed under load") {
  HsmPair pair([](ModuleConfig& module) { module.deadlines.sign = 5s; });
  pair.shim(0).set("C_Sign 20 crash\nC_Sign 60 crash\nC_Sign 100 crash");
  int done = 0, good = 0;
  const auto client = [&](int which) -> boost::asio::awaitable<void> {
    for (int call = 0; call < 40; ++call) {
      const std::string message = std::to_string(which) + "/" + std::to_string(call);
      const auto result = co_await pair.signing(message);
      if (result && verifies(pair.found[0], as_bytes(message), *result)) ++good;
      if (!result) UNSCOPED_INFO(result.error().message);
    }
    ++done;
  };
  for (int which = 0; which < 8; ++which)
    boost::asio::co_spawn(pair.tokens->io, client(which), boost::asio::detached);
  REQUIRE(pair.soon([&] { return done == 8; }, 60s));
  CHECK(good == 8 * 40);
  CHECK(pair.halves[0]->signatures() > 0);
}
