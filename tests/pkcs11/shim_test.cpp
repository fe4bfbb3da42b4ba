// The fault-injecting module itself: a fault that is not injected would let every other test pass.
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "tests/build_paths.h"
#include "tests/shim/counters.h"
#include "tests/shim/rules.h"
#include "tests/support/fault_shim.h"
#include "tests/support/softhsm.h"

namespace signet::test {
namespace {

using shim::Action;
using shim::matching_rules;
using shim::parse_rules;

TEST_CASE("Rules are read") {
  const auto rules = parse_rules(
      "# nothing\n\nC_Sign 2 fail 0x30\n C_Login 1-3 delay 300 # slow\nC_SignInit 4+ hang\nC_Sign * crash");
  REQUIRE(rules.has_value());
  REQUIRE(rules->size() == 4);
  CHECK((*rules)[0].action == Action::Fail);
  CHECK((*rules)[0].argument == 0x30);
  CHECK((*rules)[0].first == 2);
  CHECK((*rules)[0].last == 2);
  CHECK((*rules)[1].last == 3);
  CHECK((*rules)[2].first == 4);
  CHECK((*rules)[2].last == UINT64_MAX);
  CHECK((*rules)[3].first == 1);
  for (const char* wrong : {"C_Sign", "C_Sign 1", "C_Sign 1 fail", "C_Sign 1 fail x", "C_Sign 1 hang 3",
                            "Sign 1 hang", "C_Sign one hang", "C_Sign 1 explode", "C_Sign 1- hang",
                            "C_Sign 1 fail 0x", "C_Sign % hang", "C_Sign 101% hang", "C_Sign x% hang"})
    CHECK_FALSE(parse_rules(wrong).has_value());
}

TEST_CASE("Rules match by call and count; delays add up to the first other one") {
  const auto rules =
      parse_rules("C_Sign 2+ delay 1\nC_Sign 2 delay 2\nC_Sign 3 fail 1\nC_Sign 2+ fail 2\nC_Sign * fail 3")
          .value();
  CHECK(matching_rules(rules, "C_Login", 1).empty());
  REQUIRE(matching_rules(rules, "C_Sign", 1).size() == 1);
  CHECK(matching_rules(rules, "C_Sign", 1)[0].argument == 3);
  REQUIRE(matching_rules(rules, "C_Sign", 2).size() == 3);
  CHECK(matching_rules(rules, "C_Sign", 2)[2].argument == 2);
  REQUIRE(matching_rules(rules, "C_Sign", 3).size() == 2);
  CHECK(matching_rules(rules, "C_Sign", 3)[1].argument == 1);
}

TEST_CASE("A share of the calls is chosen without a pattern, the same ones every time") {
  const auto rules = parse_rules("C_Sign 1% hang").value();
  int chosen = 0, longest = 0, since = 0;
  for (std::uint64_t count = 1; count <= 100000; ++count) {
    ++since;
    if (matching_rules(rules, "C_Sign", count).empty()) continue;
    ++chosen;
    longest = std::max(longest, since);
    since = 0;
  }
  CHECK(chosen > 900);
  CHECK(chosen < 1100);
  CHECK(longest < 2000);
  CHECK(matching_rules(parse_rules("C_Sign 0% hang").value(), "C_Sign", 1).empty());
  CHECK(matching_rules(parse_rules("C_Sign 100% hang").value(), "C_Sign", 1).size() == 1);
}

TEST_CASE("Every call has a counter of its own") {
  CHECK(shim::call_index("C_Initialize") == 0);
  CHECK(shim::call_index("C_WaitForSlotEvent") == shim::kCallCount - 1);
  CHECK(shim::call_index("C_GetFunctionList") == shim::kCallCount);
  for (std::size_t i = 0; i < shim::kCallCount; ++i) CHECK(shim::call_index(shim::call_name(i)) == i);
}

// The shim, loaded into this process; what a test does with it happens in a child.
struct Loaded {
  Loaded() : shim((hsm.add_token("token"), lib_dir()), SoftHsm::module(), hsm.environment()) {}

  // The exit status of a child that calls `work` with the shim's functions; 1000 + signal if one ended it.
  template <typename Work>
  int in_child(Work work) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (const auto& [name, value] : shim.environment()) ::setenv(name.c_str(), value.c_str(), 1);
      void* library = ::dlopen(shim.module().c_str(), RTLD_NOW);
      CK_FUNCTION_LIST* functions = nullptr;
      if (library == nullptr) ::_exit(250);
      const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
      if (get == nullptr || get(&functions) != CKR_OK) ::_exit(251);
      ::_exit(work(*functions));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  SoftHsm hsm;
  FaultShim shim;
};

int slots(CK_FUNCTION_LIST& functions) {
  CK_ULONG count = 0;
  if (functions.C_Initialize(nullptr) != CKR_OK) return 100;
  if (functions.C_GetSlotList(CK_FALSE, nullptr, &count) != CKR_OK) return 101;
  return static_cast<int>(count);
}

TEST_CASE("Without rules it is the module it stands in for") {
  Loaded loaded;
  CHECK(loaded.in_child(slots) == 2);
  CHECK(loaded.in_child(slots) == 2);
  CHECK(loaded.shim.calls("C_Initialize") == 2);  // counted across processes
  CHECK(loaded.shim.calls("C_GetSlotList") == 2);
  CHECK(loaded.shim.calls("C_Sign") == 0);
}

TEST_CASE("It fails, loses, crashes, hangs and delays when told") {
  Loaded loaded;
  loaded.shim.set("C_GetSlotList 1 fail 0x30");
  CHECK(loaded.in_child(slots) == 101);
  CHECK(loaded.in_child(slots) == 2);  // the second call
  loaded.shim.set("C_Initialize * crash");
  CHECK(loaded.in_child(slots) == 1000 + SIGSEGV);
  loaded.shim.set("C_GetSlotList 1 hang");
  CHECK(loaded.in_child([](CK_FUNCTION_LIST& functions) {
    ::alarm(1);
    return slots(functions);
  }) == 1000 + SIGALRM);
  loaded.shim.set("C_GetSlotList 1 delay 200\nC_GetSlotList 1 delay 100");
  const auto start = std::chrono::steady_clock::now();
  CHECK(loaded.in_child(slots) == 2);
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(300));
  // The real call is made, and its outcome hidden.
  loaded.shim.set("C_Initialize 1 lose 0x5");
  CHECK(loaded.in_child([](CK_FUNCTION_LIST& functions) {
    if (functions.C_Initialize(nullptr) != CKR_GENERAL_ERROR) return 1;
    return functions.C_Initialize(nullptr) == CKR_CRYPTOKI_ALREADY_INITIALIZED ? 0 : 2;
  }) == 0);
}

TEST_CASE("It sets flags, and tells each login") {
  Loaded loaded;
  loaded.shim.set("C_GetTokenInfo * flags 0x40000");
  CHECK(loaded.in_child([](CK_FUNCTION_LIST& functions) {
    slots(functions);
    CK_ULONG count = 2;
    CK_SLOT_ID ids[2];
    CK_TOKEN_INFO info;
    if (functions.C_GetSlotList(CK_FALSE, ids, &count) != CKR_OK ||
        functions.C_GetTokenInfo(ids[0], &info) != CKR_OK)
      return 1;
    if ((info.flags & CKF_USER_PIN_LOCKED) == 0 || (info.flags & CKF_LOGIN_REQUIRED) == 0) return 2;
    CK_SESSION_HANDLE session = 0;
    if (functions.C_OpenSession(ids[0], CKF_SERIAL_SESSION, nullptr, nullptr, &session) != CKR_OK) return 3;
    unsigned char wrong[] = "wrong", right[] = "user-pin-2846";
    functions.C_Login(session, CKU_USER, wrong, 5);
    functions.C_Login(session, CKU_USER, wrong, 5);
    return functions.C_Login(session, CKU_USER, right, 13) == CKR_OK ? 0 : 4;
  }) == 0);
  const auto logins = loaded.shim.logins();
  REQUIRE(logins.size() == 3);
  CHECK(logins[0].result == CKR_PIN_INCORRECT);
  CHECK(logins[0].pin_hash == logins[1].pin_hash);
  CHECK(logins[0].pin_hash != logins[2].pin_hash);
  CHECK(logins[2].result == CKR_OK);
  CHECK(logins[2].user == CKU_USER);
}

TEST_CASE("It closes sessions and ends logins behind the caller's back") {
  Loaded loaded;
  loaded.shim.set("C_SignInit 1 logout\nC_GetInfo 1 reset");
  CHECK(loaded.in_child([](CK_FUNCTION_LIST& functions) {
    slots(functions);
    CK_ULONG count = 2;
    CK_SLOT_ID ids[2];
    CK_SESSION_HANDLE session = 0;
    unsigned char right[] = "user-pin-2846";
    if (functions.C_GetSlotList(CK_FALSE, ids, &count) != CKR_OK) return 1;
    if (functions.C_OpenSession(ids[0], CKF_SERIAL_SESSION, nullptr, nullptr, &session) != CKR_OK) return 2;
    if (functions.C_Login(session, CKU_USER, right, 13) != CKR_OK) return 3;
    CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
    functions.C_SignInit(session, &mechanism, 1);  // no such key
    CK_SESSION_INFO state{};
    if (functions.C_GetSessionInfo(session, &state) != CKR_OK || state.state != CKS_RO_PUBLIC_SESSION)
      return 4;
    CK_INFO info;
    if (functions.C_GetInfo(&info) != CKR_OK) return 5;
    return functions.C_GetSessionInfo(session, &state) == CKR_SESSION_HANDLE_INVALID ? 0 : 6;
  }) == 0);
}

TEST_CASE("Counting is exact with many threads") {
  Loaded loaded;
  CHECK(loaded.in_child([](CK_FUNCTION_LIST& functions) {
    CK_C_INITIALIZE_ARGS args{};
    args.flags = CKF_OS_LOCKING_OK;
    if (functions.C_Initialize(&args) != CKR_OK) return 1;
    std::atomic<int> failed = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) {
          CK_INFO info;
          if (functions.C_GetInfo(&info) != CKR_OK) ++failed;
        }
      });
    for (std::thread& thread : threads) thread.join();
    return failed == 0 ? 0 : 2;
  }) == 0);
  CHECK(loaded.shim.calls("C_GetInfo") == 4000);
}

TEST_CASE("Rules that cannot be read are refused when they are set") {
  Loaded loaded;
  CHECK_THROWS(loaded.shim.set("C_Sign 1 explode"));
  CHECK_THROWS(loaded.shim.set("C_NoSuchCall 1 hang"));
  CHECK_THROWS(loaded.shim.calls("C_NoSuchCall"));
}

}  // namespace
}  // namespace signet::test
