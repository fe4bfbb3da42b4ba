// What the service makes of every class of Cryptoki fault, of hangs and of crashes: the fault shim over
// SoftHSM.
#include "tests/agent/tokens/shim_fixture.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

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
