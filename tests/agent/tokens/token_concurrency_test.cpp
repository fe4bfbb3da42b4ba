// Calls at the same time: who waits for whom, and who does not, while tokens are slow, hang or lose their
// hosts.
#include <signal.h>

#include <algorithm>
#include <random>

#include "tests/agent/tokens/shim_fixture.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST_CASE("while one call hangs, another token signs on, and other calls on the hung host are done again") {
  ShimFixture fixture(true, [](ModuleConfig& module) { module.deadlines.sign = 2000ms; });
  fixture.warm();
  REQUIRE(fixture.tokens->sign(fixture.beta, "warm"));
  fixture.shim.set("C_Sign 1 hang");

  auto& tokens = *fixture.tokens;
  std::vector<Result<TokenSignature>> on_alpha;
  for (int i = 0; i < 4; ++i) {
    boost::asio::co_spawn(
        tokens.io, tokens.signing(fixture.alpha, "a"),
        [&](std::exception_ptr, Result<TokenSignature> value) { on_alpha.push_back(std::move(value)); });
  }
  while (fixture.shim.calls("C_Sign") == 0) run_for(tokens.io, 5ms);
  const auto start = Clock::now();
  int on_beta = 0;
  auto slowest = 0ms;
  while (Clock::now() - start < 1500ms) {
    const auto before = Clock::now();
    REQUIRE(tokens.sign(fixture.beta, "b"));
    slowest = std::max(slowest, std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - before));
    ++on_beta;
  }
  CHECK(on_beta > 20);
  CHECK(slowest < 1200ms);
  while (on_alpha.size() < 4) run_for(tokens.io, 50ms);
  int hung = 0;
  for (const auto& result : on_alpha) {
    if (result) {
      CHECK(verifies(fixture.alpha, as_bytes("a"), *result));
    } else {
      CHECK(text(result.error(), "ckr") == "deadline");
      ++hung;
    }
  }
  CHECK(hung == 1);
}

TEST_CASE("a scout that waits behind a signature is no hang; one that hangs is cut and said to be unusable") {
  ShimFixture fixture(true, [](ModuleConfig& module) {
    module.deadlines.discovery = 1000ms;
    module.deadlines.sign = 10000ms;
  });
  auto& tokens = *fixture.tokens;
  fixture.warm();
  REQUIRE(tokens.described("alpha").state == TokenState::Unlocked);
  fixture.shim.set("C_Sign * delay 4000\nC_GetSlotList * delay 3000");
  std::optional<Result<TokenSignature>> slow;
  boost::asio::co_spawn(
      tokens.io, tokens.signing(fixture.alpha, "a"),
      [&](std::exception_ptr, Result<TokenSignature> value) { slow.emplace(std::move(value)); });
  run_for(tokens.io, 50ms);
  const auto start = Clock::now();
  CHECK(tokens.described("alpha").state == TokenState::Unlocked);  // what was known before
  CHECK(Clock::now() - start < 2800ms);
  while (!slow) run_for(tokens.io, 50ms);
  CHECK(*slow);
  CHECK(fixture.shim.calls("C_Initialize") == 0);  // no host was started anew

  run_for(tokens.io, 500ms);
  fixture.shim.set("C_GetSlotList * hang");
  CHECK(run(tokens.io, tokens.service->list()).empty());
  const auto modules = run(tokens.io, tokens.service->modules());
  CHECK_FALSE(modules.front().usable);
  CHECK(modules.front().why.find("deadline") != std::string::npos);
  fixture.shim.clear();
  run_for(tokens.io, 300ms);
  CHECK(tokens.described("alpha").label == "alpha");
}

TEST_CASE("the token's limit of sessions is learned, and nobody is turned away for it") {
  ShimFixture fixture(true, [](ModuleConfig& module) { module.sessions = 8; });
  fixture.warm();
  fixture.cold();
  fixture.shim.set("C_OpenSession 4+ fail 0xb1\nC_Sign * delay 20");
  std::vector<boost::asio::awaitable<Result<TokenSignature>>> work;
  for (int i = 0; i < 24; ++i) work.push_back(fixture.tokens->signing(fixture.alpha, "x"));
  for (const auto& result : run_all(fixture.tokens->io, std::move(work))) CHECK(result);
}

TEST_CASE("several sessions sign side by side") {
  ShimFixture fixture(true, [](ModuleConfig& module) { module.sessions = 8; });
  fixture.warm();
  fixture.shim.set("C_Sign * delay 200");
  REQUIRE(fixture.sign());  // now it is known to be slow
  std::vector<boost::asio::awaitable<Result<TokenSignature>>> work;
  for (int i = 0; i < 16; ++i) work.push_back(fixture.tokens->signing(fixture.alpha, "x"));
  const auto start = Clock::now();
  for (const auto& result : run_all(fixture.tokens->io, std::move(work))) CHECK(result);
  CHECK(Clock::now() - start < 2400ms);  // one after the other: 3200 ms
}

TEST_CASE("who asks first signs first") {
  ShimFixture fixture(true, [](ModuleConfig& module) { module.sessions = 1; });
  fixture.warm();
  fixture.shim.set("C_Sign * delay 10");
  std::vector<int> order;
  for (int i = 0; i < 12; ++i) {
    boost::asio::co_spawn(fixture.tokens->io, fixture.tokens->signing(fixture.alpha, "x"),
                          [&order, i](std::exception_ptr, Result<TokenSignature> result) {
                            if (result) order.push_back(i);
                          });
  }
  while (order.size() < 12) run_for(fixture.tokens->io, 20ms);
  CHECK(std::ranges::is_sorted(order));
}

TEST_CASE("a module that cannot lock gets one session and a host for each token, also when it is shared") {
  ShimFixture fixture(true, [](ModuleConfig& module) { module.shared = true; });
  fixture.warm();
  fixture.cold();
  fixture.shim.set(
      "C_Initialize 1 fail 0xa\nC_Initialize 3 fail 0xa\nC_Initialize 5 fail 0xa\nC_Initialize 7 fail 0xa");
  auto& tokens = *fixture.tokens;
  // The shim counts the calls of all hosts: one host after the other, so that each meets its own failure
  // first.
  for (const auto& key : {fixture.alpha, fixture.beta}) {
    std::vector<boost::asio::awaitable<Result<TokenSignature>>> first;
    first.push_back(tokens.signing(key, "x"));
    for (const auto& result : run_all(tokens.io, std::move(first))) CHECK(result);
  }
  std::vector<boost::asio::awaitable<Result<TokenSignature>>> work;
  for (int i = 0; i < 8; ++i) work.push_back(tokens.signing(i % 2 == 0 ? fixture.alpha : fixture.beta, "x"));
  for (const auto& result : run_all(tokens.io, std::move(work))) CHECK(result);
}

TEST_CASE("hosts killed at random points: calls sign well or end with typed errors, and all recovers") {
  ShimFixture fixture;
  fixture.warm();
  auto& tokens = *fixture.tokens;
  std::mt19937 random(20261121);  // NOLINT(cert-msc51-cpp): a test that can be repeated
  bool stop = false;
  int good = 0, bad = 0, running = 0;
  std::vector<std::string> strange;
  const auto client = [&](int number) -> boost::asio::awaitable<void> {
    ++running;
    while (!stop) {
      const std::string message = "client " + std::to_string(number);
      const auto result = co_await tokens.signing(fixture.alpha, message);
      if (result && verifies(fixture.alpha, as_bytes(message), *result)) {
        ++good;
      } else if (!result && (text(result.error(), "ckr") == "host-died")) {
        ++bad;
      } else {
        strange.push_back(outcome(result));
      }
    }
    --running;
  };
  for (int number = 0; number < 4; ++number)
    boost::asio::co_spawn(tokens.io, client(number), [](std::exception_ptr) {});
  int killed = 0;
  for (int round = 0; round < 30; ++round) {
    run_for(tokens.io, std::chrono::milliseconds(5 + random() % 60));
    if (::kill(fixture.shim.logins().back().pid, SIGKILL) == 0) ++killed;
  }
  stop = true;
  while (running > 0) run_for(tokens.io, 20ms);
  CAPTURE(strange, good, bad, killed);
  CHECK(strange.empty());
  CHECK(killed > 3);
  CHECK(good > 20);
  CHECK(outcome(fixture.sign()) == "signed");
}
