// PINs that the token cannot have, over real hosts and SoftHSM: none is sent.
#include "tests/agent/tokens/token_fixture.h"
#include "tests/build_paths.h"

using namespace signet;
using namespace signet::test;

TEST_CASE("a PIN of a length that the token cannot have is not sent") {
  SoftHsm hsm;  // 4 to 255
  hsm.add_token("alpha");
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  TokenFixture fixture({shimmed_module(hsm, shim)});

  const auto refused = fixture.unlock("alpha", "123");
  REQUIRE_FALSE(refused);
  const Error error = refused.error();
  CHECK(error.name == ErrorName::InvalidParameter);
  CHECK(error.parameters.at("parameter") == "pin");
  CHECK(error.message.find("4 to 255") != std::string::npos);
  CHECK(shim.logins().empty());
  CHECK(fixture.budget->diary.empty());

  REQUIRE_FALSE(fixture.unlock("alpha", "1234"));
  CHECK(shim.logins().size() == 1);
}

TEST_CASE("a PIN source that gives a PIN of an impossible length is told of, and asked again later") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  ScratchDir dir;
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  ModuleConfig module = shimmed_module(hsm, shim);
  module.pins.push_back(pin_file(dir, "alpha", "123"));
  TokenFixture fixture({module});
  const auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
  REQUIRE(key);
  const std::size_t before = shim.logins().size();

  const auto refused = fixture.sign(*key, "m");
  REQUIRE_FALSE(refused);
  const Error error = refused.error();
  CHECK(error.name == ErrorName::PinRefused);  // who signs has given no PIN
  CHECK(error.message.find("4 to 255") != std::string::npos);
  CHECK(shim.logins().size() == before);
  REQUIRE(fixture.unlock("alpha"));
  CHECK(fixture.sign(*key, "m"));
}
