// What becomes of every return code at every call that matters, at the host's level: docs/host-protocol.md,
// "Faults".
#include <catch2/catch.hpp>

#include <chrono>
#include <set>
#include <thread>

#include "tests/build_paths.h"
#include "tests/pkcs11/host_client.h"
#include "tests/pkcs11/token_setup.h"
#include "tests/pkcs11/verify.h"
#include "tests/support/fault_shim.h"
#include "tests/support/softhsm.h"

namespace signet::test {
namespace {

using namespace signet::host;

constexpr std::uint64_t kCantLock = 0xa, kPinIncorrect = 0xa0, kAlreadyLoggedIn = 0x100, kNotLoggedIn = 0x101;
constexpr unsigned long kUser = 1;

// A token with one key, seen through the shim.
struct Bench {
  Bench() : shim((hsm.add_token("token"), lib_dir()), SoftHsm::module(), hsm.environment()) {
    identity = identity_of(hsm, "token");
    key = generate(hsm, identity, Algorithm::EcdsaP256, "key", Bytes{7});
  }
  std::unique_ptr<HostProgram> start(Mode mode = Mode::Token) {
    return std::make_unique<HostProgram>(mode, shim.module(), shim.environment());
  }
  SignRequest sign_request() const {
    return {key.spki, key.id, key.label, Mechanism::Ecdsa, input_for(Mechanism::Ecdsa, message)};
  }
  bool good(const SignReply& reply) const {
    return verifies(key.spki, Mechanism::Ecdsa, message, reply.signature);
  }
  // How often a PIN of this user type reached the token.
  std::size_t pins_sent(unsigned long user = kUser) const {
    std::size_t count = 0;
    for (const LoginAttempt& attempt : shim.logins()) count += attempt.user == user ? 1 : 0;
    return count;
  }

  SoftHsm hsm;
  FaultShim shim;
  TokenIdentity identity;
  KeyObject key;
  const Bytes message = {1, 2, 3};
};

std::string rule(const std::string& call, const std::string& which, std::uint64_t ckr) {
  return call + " " + which + " fail " + std::to_string(ckr);
}

bool mended_by_the_host(CkrClass klass) {
  return klass == CkrClass::Retry || klass == CkrClass::ReopenSession || klass == CkrClass::LoginAgain;
}

void check_fault(const Fault& fault, const std::string& call, const CkrRow& row) {
  CHECK(fault.kind == FaultKind::Cryptoki);
  CHECK(fault.call == call);
  CHECK(fault.ckr == row.value);
  CHECK(fault.klass == row.klass);
  CHECK(fault.detail.find(row.name) != std::string::npos);
}

TEST_CASE("Every return code of C_SignInit, C_Sign and C_FindObjects has its outcome") {
  Bench bench;
  const auto program = bench.start();
  HostConnection first = open_token(*program, bench.identity);
  std::vector<HostConnection> connections;  // none is closed on the way: that would count as a closed session
  for (const std::string call : {"C_SignInit", "C_Sign", "C_FindObjects"}) {
    for (const CkrRow& row : ckr_table()) {
      if (row.klass == CkrClass::Ok) continue;
      CAPTURE(call, row.name);
      HostConnection& connection = connections.emplace_back(program->connect());
      connection.get<OpenReply>(OpenRequest{bench.identity});
      // Once: the host mends it, or says it.
      bench.shim.set(rule(call, "1", row.value));
      const std::size_t pins_before = bench.pins_sent();
      if (mended_by_the_host(row.klass)) {
        const auto reply = connection.get<SignReply>(bench.sign_request());
        CHECK(bench.good(reply));
        CHECK(reply.fresh_handle);
        CHECK(reply.logged_in_again == (row.klass == CkrClass::LoginAgain));
        CHECK(bench.shim.calls("C_SignInit") == (call == "C_FindObjects" ? 1 : 2));
      } else {
        check_fault(connection.fault(bench.sign_request()), call, row);
        CHECK(bench.shim.calls(call) == 1);
      }
      CHECK(bench.pins_sent() - pins_before == (row.klass == CkrClass::LoginAgain ? 1 : 0));
      CHECK(bench.shim.calls("C_CloseSession") == 1);  // a failed operation never stays in its session
      bench.shim.clear();
      CHECK(bench.good(connection.get<SignReply>(bench.sign_request())));
    }
  }
}

TEST_CASE("A fault that stays is tried once more at most") {
  Bench bench;
  const auto program = bench.start();
  HostConnection first = open_token(*program, bench.identity);
  for (const CkrRow& row : ckr_table()) {
    if (!mended_by_the_host(row.klass)) continue;
    CAPTURE(row.name);
    bench.shim.clear();
    CHECK(bench.good(first.get<SignReply>(bench.sign_request())));
    bench.shim.set(rule("C_Sign", "*", row.value));
    const std::size_t pins_before = bench.pins_sent();
    check_fault(first.fault(bench.sign_request()), "C_Sign", row);
    CHECK(bench.shim.calls("C_Sign") == 2);
    CHECK(bench.pins_sent() - pins_before == (row.klass == CkrClass::LoginAgain ? 1 : 0));
  }
}

void check_open(Bench& bench, HostConnection& connection, const CkrRow& row) {
  bench.shim.set(rule("C_OpenSession", "1", row.value));
  if (row.klass == CkrClass::Retry || row.klass == CkrClass::ReopenSession)
    CHECK(connection.get<OpenReply>(OpenRequest{bench.identity}).slot.token == bench.identity);
  else
    check_fault(connection.fault(OpenRequest{bench.identity}), "C_OpenSession", row);
  CHECK(connection.get<OpenReply>(OpenRequest{bench.identity}).slot.token == bench.identity);
  bench.shim.set(rule("C_OpenSession", "*", row.value));
  check_fault(connection.fault(OpenRequest{bench.identity}), "C_OpenSession", row);
  CHECK(bench.shim.calls("C_OpenSession") <= 2);
}

TEST_CASE("Every return code of C_OpenSession has its outcome") {
  Bench bench;
  const auto program = bench.start();
  HostConnection connection = program->connect();
  for (const CkrRow& row : ckr_table()) {
    if (row.klass == CkrClass::Ok) continue;
    CAPTURE(row.name);
    check_open(bench, connection, row);
  }
}

TEST_CASE("A new host's first session has the same outcomes, in every class") {
  Bench bench;
  std::set<CkrClass> seen = {CkrClass::Ok};
  for (const CkrRow& row : ckr_table()) {
    if (!seen.insert(row.klass).second) continue;
    CAPTURE(row.name);
    const auto program = bench.start();
    HostConnection connection = program->connect();
    check_open(bench, connection, row);
  }
  CHECK(seen.size() == 7);
}

TEST_CASE("Every return code of C_Login is told, and no PIN is sent twice") {
  Bench bench;
  const auto program = bench.start();
  HostConnection connection = program->connect();
  connection.get<OpenReply>(OpenRequest{bench.identity});
  for (const CkrRow& row : ckr_table()) {
    if (row.klass == CkrClass::Ok || row.value == kAlreadyLoggedIn) continue;
    CAPTURE(row.name);
    const std::size_t before = bench.pins_sent();
    bench.shim.set(rule("C_Login", "1", row.value));
    check_fault(connection.fault(LoginRequest{Secret(kUserPin)}), "C_Login", row);
    // Nothing is kept: what comes next does not log in by itself.
    CHECK(connection.fault(bench.sign_request()).ckr == kNotLoggedIn);
    CHECK(bench.pins_sent() - before == 1);
  }
  CHECK_FALSE(connection.get<LoginReply>(LoginRequest{Secret(kUserPin)}).already);
}

TEST_CASE("Every return code of C_Initialize is told, and the next Hello tries again") {
  Bench bench;
  const auto program = bench.start();
  HostConnection connection = program->connect_raw();
  for (const CkrRow& row : ckr_table()) {
    if (row.klass == CkrClass::Ok || row.value == kCantLock) continue;
    CAPTURE(row.name);
    bench.shim.set(rule("C_Initialize", "1", row.value));
    check_fault(connection.fault(HelloRequest{}), "C_Initialize", row);
    CHECK(bench.shim.calls("C_Initialize") == 1);
    CHECK(connection.fault(ListTokensRequest{}).kind == FaultKind::Protocol);
  }
  CHECK_FALSE(connection.get<HelloReply>(HelloRequest{}).single_session);
}

TEST_CASE("A module that cannot lock is called by one thread at a time") {
  Bench bench;
  const auto program = bench.start();
  bench.shim.set(rule("C_Initialize", "1", kCantLock) + "\nC_Sign * delay 30");
  HostConnection connection = program->connect_raw();
  CHECK(connection.get<HelloReply>(HelloRequest{}).single_session);
  connection.get<OpenReply>(OpenRequest{bench.identity});
  connection.get<LoginReply>(LoginRequest{Secret(kUserPin)});
  HostConnection other = program->connect();
  other.get<OpenReply>(OpenRequest{bench.identity});
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) {
    connection.send(bench.sign_request());
    other.send(bench.sign_request());
    CHECK(std::holds_alternative<Reply>(connection.receive()));
    CHECK(std::holds_alternative<Reply>(other.receive()));
  }
  // Ten calls of 30 ms, none at the same time as another.
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(300));

  // The same where both refusals come: the second is told.
  const auto broken = bench.start();
  bench.shim.set(rule("C_Initialize", "1-2", kCantLock));
  CHECK(broken->connect_raw().fault(HelloRequest{}).ckr == kCantLock);
}

TEST_CASE("A wrong PIN is sent once, and never by the host itself") {
  Bench bench;
  const auto program = bench.start();
  HostConnection connection = program->connect();
  connection.get<OpenReply>(OpenRequest{bench.identity});
  const Fault refused = connection.fault(LoginRequest{Secret("a-wrong-pin")});
  CHECK(refused.ckr == kPinIncorrect);
  CHECK(refused.klass == CkrClass::CallersFault);
  CHECK(connection.fault(bench.sign_request()).ckr == kNotLoggedIn);
  CHECK(connection.fault(bench.sign_request()).ckr == kNotLoggedIn);
  CHECK(bench.pins_sent() == 1);
  CHECK_FALSE(connection.get<LoginReply>(LoginRequest{Secret(kUserPin)}).already);
  CHECK(bench.good(connection.get<SignReply>(bench.sign_request())));
  CHECK(bench.pins_sent() == 2);
}

TEST_CASE("A kept PIN that the token refuses is wiped") {
  Bench bench;
  const auto program = bench.start();
  HostConnection connection = open_token(*program, bench.identity);
  bench.shim.set(rule("C_Sign", "1", kNotLoggedIn) + "\n" + rule("C_Login", "1", kPinIncorrect));
  const Fault refused = connection.fault(bench.sign_request());
  CHECK(refused.call == "C_Login");
  CHECK(refused.ckr == kPinIncorrect);
  CHECK(bench.pins_sent() == 2);
  bench.shim.set(rule("C_Sign", "*", kNotLoggedIn));
  CHECK(connection.fault(bench.sign_request()).ckr == kNotLoggedIn);
  CHECK(bench.pins_sent() == 2);  // nothing is left that could be sent
  bench.shim.clear();
  CHECK_FALSE(
      connection.get<LoginReply>(LoginRequest{Secret(kUserPin)}).already);  // a person can log in again
  CHECK(bench.good(connection.get<SignReply>(bench.sign_request())));
}

TEST_CASE("A kept PIN is not sent twice without a good signature in between") {
  Bench bench;
  const auto program = bench.start();
  HostConnection connection = open_token(*program, bench.identity);
  bench.shim.set(rule("C_Sign", "*", kNotLoggedIn));
  for (int i = 0; i < 3; ++i) CHECK(connection.fault(bench.sign_request()).ckr == kNotLoggedIn);
  CHECK(bench.pins_sent() == 2);  // the login, and one more
}

TEST_CASE("A kept PIN is not sent when tries are used up, or to another token") {
  Bench bench;
  const auto program = bench.start();
  HostConnection connection = open_token(*program, bench.identity);
  const std::string lost = rule("C_Sign", "1", kNotLoggedIn);
  SECTION("CKF_USER_PIN_COUNT_LOW") {
    bench.shim.set(lost + "\nC_GetTokenInfo * flags 0x10000");
  }
  SECTION("CKF_USER_PIN_FINAL_TRY") {
    bench.shim.set(lost + "\nC_GetTokenInfo * flags 0x20000");
  }
  SECTION("CKF_USER_PIN_LOCKED") {
    bench.shim.set(lost + "\nC_GetTokenInfo * flags 0x40000");
  }
  CHECK(connection.fault(bench.sign_request()).ckr == kNotLoggedIn);
  CHECK(bench.pins_sent() == 1);
}

TEST_CASE("A touch that did not come is no reason to send the PIN") {
  Bench bench;
  const auto program = bench.start();
  HostConnection connection = open_token(*program, bench.identity);
  // `lose` waits inside the call, as a card does.
  bench.shim.set("C_Sign 1 delay 3100\nC_Sign 1 fail " + std::to_string(kNotLoggedIn));
  const Fault missed = connection.fault(bench.sign_request());
  CHECK(missed.ckr == kNotLoggedIn);
  CHECK(missed.elapsed_ms >= 3000);
  CHECK(bench.shim.calls("C_Sign") == 1);
  CHECK(bench.pins_sent() == 1);
}

TEST_CASE("One re-login serves all sessions that lost theirs") {
  Bench bench;
  const auto program = bench.start();
  HostConnection a = open_token(*program, bench.identity);
  HostConnection b = program->connect();
  b.get<OpenReply>(OpenRequest{bench.identity});
  CHECK(bench.good(b.get<SignReply>(bench.sign_request())));
  // Both are in C_Sign when the token forgets its login.
  bench.shim.set("C_Sign 1-2 delay 300\n" + rule("C_Sign", "1-2", kNotLoggedIn));
  a.send(bench.sign_request());
  b.send(bench.sign_request());
  CHECK(std::holds_alternative<Reply>(a.receive()));
  CHECK(std::holds_alternative<Reply>(b.receive()));
  CHECK(bench.pins_sent() == 2);
}

TEST_CASE("CKR_USER_ALREADY_LOGGED_IN is no proof of a PIN") {
  Bench bench;
  const auto program = bench.start();
  HostConnection connection = program->connect();
  connection.get<OpenReply>(OpenRequest{bench.identity});
  SECTION("the module is made to forget, and checks it") {
    // The module holds a login that is not this process's (ykcs11 after a card was pulled).
    bench.shim.set(rule("C_Login", "1", kAlreadyLoggedIn) + "\nC_Logout 1 fail 0");
    CHECK_FALSE(connection.get<LoginReply>(LoginRequest{Secret(kUserPin)}).already);
    CHECK(bench.shim.calls("C_Logout") == 1);
    CHECK(bench.good(connection.get<SignReply>(bench.sign_request())));
  }
  SECTION("it insists: said, and the PIN is not kept") {
    bench.shim.set(rule("C_Login", "*", kAlreadyLoggedIn) + "\nC_Logout * fail 0");
    CHECK(connection.get<LoginReply>(LoginRequest{Secret("unknown")}).already);
    bench.shim.clear();
    const std::size_t before = bench.pins_sent();
    CHECK(connection.fault(bench.sign_request()).ckr == kNotLoggedIn);
    CHECK(bench.pins_sent() == before);
  }
}

TEST_CASE("A closed session does not end the login") {
  Bench bench;
  const auto program = bench.start();
  HostConnection connection = open_token(*program, bench.identity);
  bench.shim.set("C_Sign 1 fail 0x7");
  CHECK(connection.fault(bench.sign_request()).klass == CkrClass::CallersFault);
  const auto reply = connection.get<SignReply>(bench.sign_request());
  CHECK(bench.good(reply));
  CHECK(reply.fresh_handle);  // found anew in the new session
  CHECK_FALSE(reply.logged_in_again);
  CHECK(bench.pins_sent() == 1);
}

TEST_CASE("A wrong signature is handed on: verifying is the agent's part") {
  Bench bench;
  const auto program = bench.start();
  HostConnection connection = open_token(*program, bench.identity);
  bench.shim.set("C_Sign 1 corrupt");
  CHECK_FALSE(bench.good(connection.get<SignReply>(bench.sign_request())));
  CHECK(bench.good(connection.get<SignReply>(bench.sign_request())));
}

TEST_CASE("A key that is not as asked is destroyed") {
  Bench bench;
  const auto admin = bench.start(Mode::Admin);
  HostConnection connection = open_token(*admin, bench.identity);
  const auto keys = [&] { return connection.get<FindObjectsReply>(FindObjectsRequest{}).keys.size(); };
  REQUIRE(keys() == 1);
  // Reading back fails: what the token made cannot be told.
  bench.shim.set("C_GetAttributeValue 1+ fail 0x30");
  CHECK(connection.fault(GenerateRequest{Algorithm::EcdsaP256, "new", Bytes{9}}).ckr == 0x30);
  CHECK(bench.shim.calls("C_DestroyObject") == 2);
  bench.shim.clear();
  CHECK(keys() == 1);
  // No attribute can be had: the public key is unknown, and so is the rest.
  bench.shim.set("C_GetAttributeValue 1+ fail 0x12");
  const Fault fault = connection.fault(GenerateRequest{Algorithm::EcdsaP256, "new", Bytes{9}});
  CHECK(fault.kind == FaultKind::Attributes);
  CHECK(fault.detail.find("destroyed again") != std::string::npos);
  bench.shim.clear();
  CHECK(keys() == 1);
}

TEST_CASE("A slot that does not answer does not hide the others") {
  Bench bench;
  const auto scout = bench.start(Mode::Scout);
  HostConnection connection = scout->connect();
  bench.shim.set("C_GetTokenInfo 1 fail 0x30");
  auto list = connection.get<ListTokensReply>(ListTokensRequest{});
  REQUIRE(list.slots.size() == 2);
  CHECK(list.slots[0].ckr == 0x30);
  CHECK(list.slots[1].ckr == 0);
  bench.shim.set("C_GetTokenInfo 1 fail 0xe0");
  list = connection.get<ListTokensReply>(ListTokensRequest{});
  CHECK(list.slots[0].ckr == 0);
  CHECK_FALSE(list.slots[0].present);
  bench.shim.set("C_GetSlotList 1 fail 0x30");
  CHECK(connection.fault(ListTokensRequest{}).call == "C_GetSlotList");
}

}  // namespace
}  // namespace signet::test
