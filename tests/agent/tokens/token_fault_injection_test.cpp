// What the service makes of every class of Cryptoki fault, of hangs and of crashes: the fault shim over
// SoftHSM.
#include <signal.h>

#include <algorithm>
#include <random>

#include "tests/agent/tokens/token_fixture.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

// A service over the shim, two tokens, one key on each.
struct ShimFixture {
  explicit ShimFixture(bool source = true, void (*change)(ModuleConfig&) = nullptr)
      : shim(SIGNET_LIB_DIR, SoftHsm::module(), prepared(hsm)) {
    ModuleConfig module = softhsm_module(hsm);
    module.path = shim.module();
    module.environment = shim.environment();
    if (source) module.pins = {pin_file(dir, "alpha", kUserPin), pin_file(dir, "beta", kUserPin)};
    if (change != nullptr) change(module);
    tokens.emplace(std::vector<ModuleConfig>{module});
    alpha = *tokens->generate("alpha", KeyAlgorithm::EcdsaP256, "a");
    beta = *tokens->generate("beta", KeyAlgorithm::EcdsaP256, "b");
  }
  static std::map<std::string, std::string> prepared(SoftHsm& hsm) {
    hsm.add_token("alpha");
    hsm.add_token("beta");
    return hsm.environment();
  }
  // A host that has not found its key yet, or none at all.
  void cold() { run(tokens->io, tokens->service->lock("alpha")); }
  void warm() {
    shim.clear();
    REQUIRE(tokens->unlock("alpha"));
    REQUIRE(tokens->sign(alpha, "warm"));
  }
  Result<TokenSignature> sign() { return tokens->sign(alpha, "message"); }

  SoftHsm hsm;
  ScratchDir dir;
  FaultShim shim;
  std::optional<TokenFixture> tokens;
  FoundKey alpha, beta;
};

std::string text(const Error& error, std::string_view name) {
  const auto* value = error.parameters.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::string outcome(const Result<TokenSignature>& result) {
  if (result) return "signed";
  const Error& error = result.error();
  std::string told(short_name(error.name));
  if (error.name == ErrorName::TokenFault) told += " " + text(error, "ckr") + " " + text(error, "call");
  return told;
}

struct FaultCase {
  const char* ckr;
  std::string once, always;  // what a token with a PIN source gives
};

std::string fault(const std::string& ckr, const std::string& call) {
  return "TokenFault " + ckr + " " + call;
}

// One value of each class of pkcs11/ckr.h, and the outcome at a call that comes before the key is used.
std::vector<FaultCase> before_signing(const std::string& call) {
  return {
      {"0x6", "signed", fault("CKR_FUNCTION_FAILED", call)},
      {"0xb3", "signed", fault("CKR_SESSION_HANDLE_INVALID", call)},
      {"0x101", "signed", fault("CKR_USER_NOT_LOGGED_IN", call)},
      {"0x30", "signed", fault("CKR_DEVICE_ERROR", call)},
      {"0x7", fault("CKR_ARGUMENTS_BAD", call), fault("CKR_ARGUMENTS_BAD", call)},
      {"0x9", fault("CKR_NEED_TO_CREATE_THREADS", call), fault("CKR_NEED_TO_CREATE_THREADS", call)},
      {"0xe0", "signed", "TokenAbsent"},
  };
}

std::vector<FaultCase> while_signing(const std::string& call) {
  auto cases = before_signing(call);
  cases[4] = {"0x7", "InvalidParameter", "InvalidParameter"};
  cases.push_back({"0x70", "MechanismUnsupported", "MechanismUnsupported"});
  return cases;
}

void check_cold(const std::string& call, const std::vector<FaultCase>& cases) {
  ShimFixture fixture;
  for (const FaultCase& one : cases) {
    CAPTURE(call, one.ckr);
    fixture.warm();
    fixture.cold();
    fixture.shim.set(call + " 1 fail " + one.ckr);
    CHECK(outcome(fixture.sign()) == one.once);
    fixture.warm();
    fixture.cold();
    fixture.shim.set(call + " * fail " + one.ckr);
    CHECK(outcome(fixture.sign()) == one.always);
    fixture.shim.clear();
    CHECK(outcome(fixture.sign()) == "signed");  // nothing is left broken
  }
}

}  // namespace

TEST_CASE("every class of fault at C_Initialize") {
  check_cold("C_Initialize", before_signing("C_Initialize"));
}

TEST_CASE("every class of fault at C_OpenSession") {
  check_cold("C_OpenSession", before_signing("C_OpenSession"));
}

TEST_CASE("every class of fault at C_FindObjects") {
  check_cold("C_FindObjects", before_signing("C_FindObjects"));
}

TEST_CASE("every class of fault at C_SignInit") {
  check_cold("C_SignInit", while_signing("C_SignInit"));
}

TEST_CASE("every class of fault at C_Sign") {
  check_cold("C_Sign", while_signing("C_Sign"));
}

TEST_CASE("every class of fault at C_Login: one C_Login a call, never a second one by itself") {
  ShimFixture fixture;
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"0x6", fault("CKR_FUNCTION_FAILED", "C_Login")},
      {"0xb3", fault("CKR_SESSION_HANDLE_INVALID", "C_Login")},
      {"0x101", fault("CKR_USER_NOT_LOGGED_IN", "C_Login")},
      {"0x30", fault("CKR_DEVICE_ERROR", "C_Login")},
      {"0x9", fault("CKR_NEED_TO_CREATE_THREADS", "C_Login")},
      {"0xa2", "PinRefused"},
      {"0xe0", "TokenAbsent"},
  };
  for (const auto& [ckr, expected] : cases) {
    CAPTURE(ckr);
    fixture.warm();
    fixture.cold();
    fixture.shim.set(std::string("C_Login * fail ") + ckr);
    const std::size_t before = fixture.shim.logins().size();
    CHECK(outcome(fixture.sign()) == expected);
    CHECK(fixture.shim.logins().size() == before + 1);
    fixture.shim.clear();
    // SoftHSM counts wrong PINs and has counted none: the value may be sent again.
    run_for(fixture.tokens->io, 2100ms);
    CHECK(outcome(fixture.sign()) == "signed");
  }
}

TEST_CASE("PIN_INCORRECT is sent once and never again, over restarts and calls; PIN_LOCKED says so") {
  ShimFixture fixture;
  for (const auto& [ckr, remaining] : {std::pair{"0xa0", "unknown"}, std::pair{"0xa4", "locked"}}) {
    CAPTURE(ckr);
    ShimFixture fresh;
    fresh.warm();
    fresh.cold();
    const std::size_t before = fresh.shim.logins().size();
    fresh.shim.set(std::string("C_Login * fail ") + ckr);
    const auto first = fresh.sign();
    REQUIRE_FALSE(first);
    CHECK(first.error().name == ErrorName::PinRefused);
    CHECK(text(first.error(), "remaining") == remaining);
    for (int i = 0; i < 3; ++i) {
      CHECK(outcome(fresh.sign()) == "PinRefused");
      CHECK_FALSE(fresh.tokens->unlock("alpha"));
      fresh.cold();
    }
    CHECK(fresh.shim.logins().size() == before + 1);
  }
}

TEST_CASE("without a PIN source a host that is lost takes the login with it, and the message says why") {
  ShimFixture fixture(false);
  fixture.warm();
  fixture.shim.set("C_Sign 1 fail 0x30");
  const auto restarted = fixture.sign();
  REQUIRE_FALSE(restarted);
  CHECK(restarted.error().name == ErrorName::PinRequired);
  CHECK(restarted.error().message.find("C_Sign failed with CKR_DEVICE_ERROR") != std::string::npos);
  CHECK(fixture.tokens->described("alpha").state == TokenState::Locked);
  fixture.warm();
  fixture.shim.set("C_Sign 1 crash");
  const auto crashed = fixture.sign();
  REQUIRE_FALSE(crashed);
  CHECK(crashed.error().name == ErrorName::PinRequired);
  CHECK(crashed.error().message.find("signal 11") != std::string::npos);
  fixture.warm();
}

TEST_CASE("a crash at any call is survived; one at every call is told") {
  for (const char* call : {"C_Initialize", "C_OpenSession", "C_FindObjects", "C_SignInit", "C_Sign"}) {
    CAPTURE(call);
    ShimFixture fixture;
    fixture.warm();
    fixture.cold();
    fixture.shim.set(std::string(call) + " 1 crash");
    CHECK(outcome(fixture.sign()) == "signed");
    fixture.cold();
    fixture.shim.set(std::string(call) + " * crash");
    const auto always = fixture.sign();
    REQUIRE_FALSE(always);
    CHECK(always.error().name == ErrorName::TokenFault);
    CHECK(text(always.error(), "ckr") == "host-died");
    CHECK(always.error().message.find("signal 11") != std::string::npos);
    fixture.shim.clear();
    CHECK(outcome(fixture.sign()) == "signed");
  }
}

TEST_CASE("a hang is cut at its deadline; the token is usable at once") {
  const auto change = [](ModuleConfig& module) {
    module.deadlines.sign = 1500ms;
    module.deadlines.login = 3000ms;
  };
  for (const char* call :
       {"C_Initialize", "C_OpenSession", "C_Login", "C_FindObjects", "C_SignInit", "C_Sign"}) {
    CAPTURE(call);
    ShimFixture fixture(true, change);
    fixture.warm();
    fixture.cold();
    fixture.shim.set(std::string(call) + " 1 hang");
    const auto start = Clock::now();
    const auto hung = fixture.sign();
    CHECK(Clock::now() - start < 9s);
    REQUIRE_FALSE(hung);
    CHECK(hung.error().name == ErrorName::TokenFault);
    CHECK(text(hung.error(), "ckr") == "deadline");
    CHECK(outcome(fixture.sign()) == "signed");
  }
}

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

TEST_CASE("a PIN that was changed elsewhere is not sent again by anybody") {
  ShimFixture fixture;
  fixture.warm();
  const std::size_t before = fixture.shim.logins().size();
  // The token loses its login, and refuses the PIN that the host keeps.
  fixture.shim.set("C_Sign 1 fail 0x101\nC_Login * fail 0xa0");
  CHECK(outcome(fixture.sign()) == "PinRefused");
  CHECK(outcome(fixture.sign()) == "PinRefused");
  CHECK(outcome(fixture.sign()) == "PinRefused");
  CHECK(fixture.shim.logins().size() == before + 1);
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
