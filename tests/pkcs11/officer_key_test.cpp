// Generate by the security officer, on SoftHSM behind the shim: when the officer's PIN is sent, and when it
// is not. That ykcs11 makes the key is tests/emulated_yubikey/generation_test.py's.
#include <catch2/catch.hpp>

#include "tests/build_paths.h"
#include "tests/pkcs11/token_setup.h"
#include "tests/support/fault_shim.h"

namespace signet::test {
namespace {

using namespace signet::host;

constexpr unsigned long kOfficer = 0;

struct OfficerFixture {
  OfficerFixture() : shim(lib_dir(), SoftHsm::module(), hsm.environment()) {
    hsm.add_token("alpha");
    program.emplace(Mode::Admin, shim.module(), shim.environment());
    connection.emplace(program->connect());
    const auto identity = find_slot(connection->get<ListTokensReply>(ListTokensRequest{}), "alpha").token;
    connection->get<OpenReply>(OpenRequest{identity});
  }
  Fault refused(Bytes id, std::string_view so_pin) {
    return connection->fault(GenerateRequest{Algorithm::EcdsaP256, "made", std::move(id), Secret(so_pin)});
  }
  std::size_t officer_logins() const {
    const auto all = shim.logins();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [](const auto& attempt) { return attempt.user == kOfficer; }));
  }

  SoftHsm hsm;
  FaultShim shim;
  std::optional<HostProgram> program;
  std::optional<HostConnection> connection;
};

TEST_CASE("the security officer makes keys in slots alone, and is not sent for another CKA_ID") {
  OfficerFixture fixture;
  for (const Bytes& id : {Bytes{}, Bytes{0x00}, Bytes{0x19}, Bytes(16, 0x01)}) {
    const Fault fault = fixture.refused(id, kSoPin);
    CHECK(fault.kind == FaultKind::Protocol);
  }
  CHECK(fixture.officer_logins() == 0);
  CHECK(fixture.shim.calls("C_GenerateKeyPair") == 0);
}

TEST_CASE("a CKA_ID that a public key has is taken, and the officer's PIN stays where it is") {
  OfficerFixture fixture;
  {
    HostProgram other(Mode::Admin, fixture.shim.module(), fixture.shim.environment());
    auto user = open_token(
        other, find_slot(fixture.connection->get<ListTokensReply>(ListTokensRequest{}), "alpha").token);
    user.get<GenerateReply>(GenerateRequest{Algorithm::EcdsaP256, "old", Bytes{2}});
  }
  const std::size_t made = fixture.shim.calls("C_GenerateKeyPair");
  // Nobody is logged in on this connection: the private key hides, its public half tells.
  const Fault fault = fixture.refused(Bytes{2}, kSoPin);
  CHECK(fault.kind == FaultKind::KeyExists);
  CHECK(fixture.officer_logins() == 0);
  CHECK(fixture.shim.calls("C_GenerateKeyPair") == made);
}

TEST_CASE("a wrong officer's PIN is sent once, and nothing is made") {
  OfficerFixture fixture;
  const Fault fault = fixture.refused(Bytes{2}, "wrong so-pin");
  CHECK(fault.call == "C_Login");
  CHECK(fault.ckr == 0xA0);
  CHECK(fixture.officer_logins() == 1);
  CHECK(fixture.shim.calls("C_GenerateKeyPair") == 0);
}

TEST_CASE("the officer is out again after a key that could not be made") {
  OfficerFixture fixture;
  // SoftHSM lets no security officer make private keys.
  const Fault fault = fixture.refused(Bytes{2}, kSoPin);
  CHECK(fault.call == "C_GenerateKeyPair");
  CHECK(fixture.officer_logins() == 1);
  CHECK(fixture.shim.calls("C_Logout") == 1);
  fixture.connection->get<LoginReply>(LoginRequest{Secret(kUserPin)});
  fixture.connection->get<GenerateReply>(GenerateRequest{Algorithm::EcdsaP256, "made", Bytes{2}});
}

}  // namespace
}  // namespace signet::test
