// The lives of token hosts and of the service: shared hosts, draining, reloading, tearing down.
#include <signal.h>

#include "tests/agent/tokens/token_fixture.h"
#include "tests/build_paths.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;

TEST_CASE("a shared module serves all tokens from one host, each with its own login") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  hsm.add_token("beta", "beta-pin-1");
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  ModuleConfig module = shimmed_module(hsm, shim);
  module.shared = true;
  TokenFixture fixture({module});
  const auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
  REQUIRE(key);
  REQUIRE(fixture.unlock("alpha"));
  CHECK(fixture.described("beta").state == TokenState::Locked);
  REQUIRE(fixture.unlock("beta", "beta-pin-1"));
  CHECK(fixture.described("alpha").state == TokenState::Unlocked);
  const auto logins = shim.logins();
  REQUIRE(logins.size() == 3);
  CHECK(logins[0].pid != logins[1].pid);  // the admin host
  CHECK(logins[1].pid == logins[2].pid);
  // A token that is new to the running host gets one that knows it; the others stay where they are.
  hsm.add_token("gamma");
  REQUIRE(fixture.unlock("gamma"));
  CHECK(fixture.sign(*key, "x"));
  CHECK(fixture.described("beta").state == TokenState::Unlocked);
}

TEST_CASE("drain answers what is in flight, then ends all hosts") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  ModuleConfig module = shimmed_module(hsm, shim);
  TokenFixture fixture({module});
  const auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
  REQUIRE(key);
  REQUIRE(fixture.unlock("alpha"));
  REQUIRE(fixture.sign(*key, "warm"));
  shim.set("C_Sign * delay 300");
  std::optional<Result<TokenSignature>> result;
  boost::asio::co_spawn(
      fixture.io, fixture.signing(*key, "x"),
      [&](std::exception_ptr, Result<TokenSignature> value) { result.emplace(std::move(value)); });
  run_for(fixture.io, 50ms);
  CHECK_FALSE(result);
  run(fixture.io, fixture.service->drain(10s));
  REQUIRE(result);
  CHECK(*result);
  const auto late = fixture.sign(*key, "x");
  REQUIRE_FALSE(late);
  CHECK(late.error().name == ErrorName::Busy);
}

TEST_CASE("an agent that is torn down in the midst of calls leaves no process behind") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  ModuleConfig module = shimmed_module(hsm, shim);
  {
    boost::asio::io_context io(1);
    const auto service =
        make_token_service(io.get_executor(), {module}, std::make_shared<DiaryBudget>(), host_path());
    const auto key = run(io, service->generate(generate_request("alpha", KeyAlgorithm::EcdsaP256, "k")));
    REQUIRE(key);
    REQUIRE(run(io, service->unlock("alpha", Secret(std::string_view(kUserPin)))));
    shim.set("C_Sign * hang\nC_GenerateKeyPair * hang");
    for (int i = 0; i < 6; ++i) {
      auto signing = service->sign(location_of(*key), TokenMechanism::Ecdsa, Bytes(32));
      boost::asio::co_spawn(io, std::move(signing), [](std::exception_ptr, Result<TokenSignature>) {});
    }
    auto making = service->generate(generate_request("alpha", KeyAlgorithm::EcdsaP256, "k2"));
    boost::asio::co_spawn(io, std::move(making), [](std::exception_ptr, Result<FoundKey>) {});
    run_for(io, 200ms);
    CHECK(shim.calls("C_Sign") > 0);
  }
  for (const auto& login : shim.logins()) CHECK(::kill(login.pid, 0) != 0);
}

TEST_CASE("reload keeps the hosts of unchanged modules and ends the others") {
  SoftHsm one, two;
  one.add_token("alpha");
  two.add_token("beta");
  ModuleConfig first = softhsm_module(one);
  ModuleConfig second = softhsm_module(two);
  second.name = "second";
  TokenFixture fixture({first, second});
  const auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
  REQUIRE(key);
  REQUIRE(fixture.unlock("alpha"));
  REQUIRE(fixture.unlock("beta"));

  second.sessions = 9;
  fixture.service->reload({first, second});
  CHECK(fixture.described("alpha").state == TokenState::Unlocked);
  CHECK(fixture.described("beta").state == TokenState::Locked);
  CHECK(fixture.sign(*key, "x"));

  fixture.service->reload({second});
  const auto gone = fixture.sign(*key, "x");
  REQUIRE_FALSE(gone);
  CHECK(gone.error().name == ErrorName::TokenAbsent);
}
