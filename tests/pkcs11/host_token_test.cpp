// The host against real SoftHSM tokens: keys made, found, and used.
#include <catch2/catch.hpp>

#include <thread>

#include "tests/pkcs11/host_client.h"
#include "tests/pkcs11/token_setup.h"
#include "tests/pkcs11/verify.h"
#include "tests/support/softhsm.h"

namespace signet::test {
namespace {

using namespace signet::host;

TEST_CASE("A scout lists tokens and serves nothing else") {
  SoftHsm hsm;
  hsm.add_token("first");
  hsm.add_token("second");
  HostProgram program(Mode::Scout, SoftHsm::module(), hsm.environment());
  HostConnection scout = program.connect_raw();

  SECTION("before Hello, nothing is served") {
    CHECK(scout.fault(ListTokensRequest{}).kind == FaultKind::Protocol);
  }
  const auto hello = scout.get<HelloReply>(HelloRequest{});
  CHECK(hello.pid == static_cast<std::uint32_t>(program.pid()));
  CHECK(hello.mode == Mode::Scout);
  CHECK(hello.cryptoki_major == 2);
  CHECK(hello.manufacturer == "SoftHSM");
  CHECK_FALSE(hello.description.empty());
  CHECK_FALSE(hello.single_session);

  const auto list = scout.get<ListTokensReply>(ListTokensRequest{});
  REQUIRE(list.slots.size() == 3);  // SoftHSM always has a blank one at the end
  const SlotDescription second = find_slot(list, "second");
  CHECK(second.present);
  CHECK(second.initialised);
  CHECK(second.login_required);
  CHECK(second.user_pin_initialised);
  CHECK_FALSE(second.user_pin_low);
  CHECK_FALSE(second.user_pin_locked);
  CHECK_FALSE(second.protected_path);
  CHECK_FALSE(second.removable);
  CHECK(second.ckr == 0);
  CHECK(second.token.serial.size() == 16);
  CHECK(second.token.serial != find_slot(list, "first").token.serial);
  CHECK(second.manufacturer == "SoftHSM project");
  CHECK(second.min_pin == 4);  // as SoftHSM 2.6.1 has them
  CHECK(second.max_pin == 255);
  CHECK_FALSE(find_slot(list, "").initialised);

  const Fault refused = scout.fault(OpenRequest{second.token});
  CHECK(refused.kind == FaultKind::Protocol);
  CHECK(scout.fault(LoginRequest{Secret(kUserPin)}).kind == FaultKind::Protocol);
  CHECK(scout.fault(SignRequest{}).kind == FaultKind::Protocol);
}

TEST_CASE("Every algorithm is generated, found again and signs") {
  SoftHsm hsm;
  hsm.add_token("token");
  const TokenIdentity identity = identity_of(hsm, "token");
  const auto algorithm = GENERATE(Algorithm::EcdsaP256, Algorithm::EcdsaP384, Algorithm::Rsa2048,
                                  Algorithm::Rsa3072, Algorithm::Rsa4096, Algorithm::Ed25519);
  CAPTURE(static_cast<int>(algorithm));
  const KeyObject made = generate(hsm, identity, algorithm, "release", Bytes{0xab, 0xcd});
  CHECK(made.algorithm == algorithm);
  CHECK(made.id == Bytes{0xab, 0xcd});
  CHECK(made.label == "release");
  CHECK(made.local);
  CHECK(made.sensitive);
  CHECK(made.always_sensitive);
  CHECK(made.never_extractable);
  CHECK_FALSE(made.extractable);
  CHECK_FALSE(made.always_authenticate);

  HostProgram program(Mode::Token, SoftHsm::module(), hsm.environment());
  HostConnection token = open_token(program, identity);
  const auto found = token.get<FindKeyReply>(FindKeyRequest{made.spki, {}, ""});
  CHECK(found.key.spki == made.spki);
  CHECK(found.key.id == made.id);
  const Bytes message = to_bytes(as_bytes("the bytes of a release"));
  std::vector<Mechanism> mechanisms = {mechanism_for(algorithm)};
  if (mechanisms[0] == Mechanism::RsaPssSha256) mechanisms.push_back(Mechanism::RsaPkcs1);
  bool first = true;
  for (const Mechanism mechanism : mechanisms) {
    const auto reply = token.get<SignReply>(
        SignRequest{made.spki, made.id, made.label, mechanism, input_for(mechanism, message)});
    CHECK(verifies(made.spki, mechanism, message, reply.signature));
    CHECK_FALSE(verifies(made.spki, mechanism, as_bytes("other bytes"), reply.signature));
    CHECK(reply.fresh_handle == std::exchange(first, false));
    CHECK_FALSE(reply.logged_in_again);
  }
}

TEST_CASE("Ed25519 signs 16 MiB of metadata") {
  SoftHsm hsm;
  hsm.add_token("token");
  const TokenIdentity identity = identity_of(hsm, "token");
  const KeyObject key = generate(hsm, identity, Algorithm::Ed25519, "big", {});
  HostProgram program(Mode::Token, SoftHsm::module(), hsm.environment());
  HostConnection token = open_token(program, identity);
  const Bytes message(16 * 1024 * 1024, 'x');
  const auto reply = token.get<SignReply>(SignRequest{key.spki, {}, "", Mechanism::Eddsa, message});
  CHECK(verifies(key.spki, Mechanism::Eddsa, message, reply.signature));
}

TEST_CASE("Generate refuses a CKA_ID that is in use, and makes one of its own") {
  SoftHsm hsm;
  hsm.add_token("token");
  const TokenIdentity identity = identity_of(hsm, "token");
  generate(hsm, identity, Algorithm::EcdsaP256, "one", Bytes{1});
  HostProgram admin(Mode::Admin, SoftHsm::module(), hsm.environment());
  HostConnection connection = open_token(admin, identity);
  const Fault taken = connection.fault(GenerateRequest{Algorithm::EcdsaP256, "two", Bytes{1}});
  CHECK(taken.kind == FaultKind::KeyExists);
  const auto two = connection.get<GenerateReply>(GenerateRequest{Algorithm::EcdsaP256, "two", {}});
  const auto three = connection.get<GenerateReply>(GenerateRequest{Algorithm::EcdsaP256, "three", {}});
  CHECK(two.key.id.size() == 16);
  CHECK(two.key.id != three.key.id);
  CHECK(connection.fault(SignRequest{two.key.spki, {}, "", Mechanism::Ecdsa, Bytes(32)}).kind ==
        FaultKind::Protocol);
}

TEST_CASE("Keys are listed by their hints and destroyed by their public key") {
  SoftHsm hsm;
  hsm.add_token("token");
  const TokenIdentity identity = identity_of(hsm, "token");
  const KeyObject a = generate(hsm, identity, Algorithm::EcdsaP256, "a", Bytes{1});
  const KeyObject b = generate(hsm, identity, Algorithm::Ed25519, "b", Bytes{2});
  HostProgram admin(Mode::Admin, SoftHsm::module(), hsm.environment());
  HostConnection connection = open_token(admin, identity);
  CHECK(connection.get<FindObjectsReply>(FindObjectsRequest{}).keys.size() == 2);
  CHECK(connection.get<FindObjectsReply>(FindObjectsRequest{{}, "b"}).keys.at(0).spki == b.spki);
  CHECK(connection.get<FindObjectsReply>(FindObjectsRequest{Bytes{1}, ""}).keys.at(0).spki == a.spki);
  CHECK(connection.get<FindObjectsReply>(FindObjectsRequest{Bytes{1}, "b"}).keys.empty());

  connection.get<DestroyKeyReply>(DestroyKeyRequest{a.spki});
  CHECK(connection.fault(DestroyKeyRequest{a.spki}).kind == FaultKind::KeyAbsent);
  CHECK(connection.fault(FindKeyRequest{a.spki, a.id, a.label}).kind == FaultKind::KeyAbsent);
  CHECK(connection.get<FindObjectsReply>(FindObjectsRequest{}).keys.size() == 1);
  // Its public key object is gone too: the CKA_ID is free for a key of another type, and is told from it.
  const auto again = connection.get<GenerateReply>(GenerateRequest{Algorithm::EcdsaP384, "a", Bytes{1}});
  CHECK(again.key.algorithm == Algorithm::EcdsaP384);
}

TEST_CASE("Sessions sign side by side, each with its own handles") {
  SoftHsm hsm;
  hsm.add_token("token");
  const TokenIdentity identity = identity_of(hsm, "token");
  const KeyObject key = generate(hsm, identity, Algorithm::EcdsaP256, "key", {});
  HostProgram program(Mode::Token, SoftHsm::module(), hsm.environment());
  HostConnection first = open_token(program, identity);
  constexpr int kThreads = 8, kSignatures = 200;
  std::vector<int> good(kThreads, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      HostConnection own = program.connect();
      own.get<OpenReply>(OpenRequest{identity});  // the first connection's login serves all
      for (int i = 0; i < kSignatures; ++i) {
        const Bytes message = {static_cast<std::uint8_t>(t), static_cast<std::uint8_t>(i)};
        const auto reply = own.get<SignReply>(
            SignRequest{key.spki, key.id, key.label, Mechanism::Ecdsa, input_for(Mechanism::Ecdsa, message)});
        if (verifies(key.spki, Mechanism::Ecdsa, message, reply.signature) && reply.fresh_handle == (i == 0))
          ++good[static_cast<std::size_t>(t)];
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(good == std::vector<int>(kThreads, kSignatures));
}

TEST_CASE("One host serves several tokens, told apart by label and serial number") {
  SoftHsm hsm;
  hsm.add_token("same");
  hsm.add_token("same");
  HostProgram scout(Mode::Scout, SoftHsm::module(), hsm.environment());
  const auto list = scout.connect().get<ListTokensReply>(ListTokensRequest{});
  std::vector<TokenIdentity> identities;
  for (const auto& slot : list.slots)
    if (slot.token.label == "same") identities.push_back(slot.token);
  REQUIRE(identities.size() == 2);
  const KeyObject key0 = generate(hsm, identities[0], Algorithm::EcdsaP256, "k", {});
  const KeyObject key1 = generate(hsm, identities[1], Algorithm::EcdsaP256, "k", {});
  HostProgram program(Mode::Token, SoftHsm::module(), hsm.environment());
  HostConnection token0 = open_token(program, identities[0]);
  HostConnection token1 = open_token(program, identities[1]);
  CHECK(token0.get<FindKeyReply>(FindKeyRequest{key0.spki, {}, ""}).key.spki == key0.spki);
  CHECK(token0.fault(FindKeyRequest{key1.spki, {}, ""}).kind == FaultKind::KeyAbsent);
  CHECK(token1.get<FindKeyReply>(FindKeyRequest{key1.spki, {}, ""}).key.spki == key1.spki);
  const Fault absent = token0.fault(OpenRequest{{"same", "0000000000000000"}});
  CHECK(absent.kind == FaultKind::TokenAbsent);
}

TEST_CASE("Private keys hide until a login") {
  SoftHsm hsm;
  hsm.add_token("token");
  const TokenIdentity identity = identity_of(hsm, "token");
  const KeyObject key = generate(hsm, identity, Algorithm::EcdsaP256, "key", {});
  HostProgram program(Mode::Token, SoftHsm::module(), hsm.environment());
  HostConnection token = program.connect();
  CHECK(token.fault(FindKeyRequest{key.spki, {}, ""}).kind == FaultKind::Protocol);  // Open comes first
  token.get<OpenReply>(OpenRequest{identity});
  const SignRequest request{key.spki, {}, "", Mechanism::Ecdsa, Bytes(32)};
  for (const Fault& fault : {token.fault(request), token.fault(FindKeyRequest{key.spki, {}, ""}),
                             token.fault(FindObjectsRequest{})}) {
    CHECK(fault.kind == FaultKind::Cryptoki);
    CHECK(ckr_name(fault.ckr) == "CKR_USER_NOT_LOGGED_IN");
    CHECK(fault.klass == CkrClass::LoginAgain);
    CHECK(fault.detail.find("unlock") != std::string::npos);
  }
  token.get<LoginReply>(LoginRequest{Secret(kUserPin)});
  CHECK(token.get<SignReply>(request).signature.size() == 64);
  CHECK(token.get<LoginReply>(LoginRequest{Secret(kUserPin)}).already);
}

TEST_CASE("An admin host initialises a blank token and its PIN") {
  SoftHsm hsm;
  HostProgram admin(Mode::Admin, SoftHsm::module(), hsm.environment());
  HostConnection connection = admin.connect();
  const auto blank = connection.get<ListTokensReply>(ListTokensRequest{}).slots.at(0);
  REQUIRE_FALSE(blank.initialised);
  const auto request = [&](TokenIdentity expected, std::string label) {
    return InitTokenRequest{blank.slot, std::move(expected), Secret(kSoPin), std::move(label)};
  };
  CHECK(connection.fault(request({"another", "1"}, "new")).kind == FaultKind::TokenAbsent);
  CHECK(connection.fault(request(blank.token, std::string(33, 'x'))).kind == FaultKind::Protocol);
  CHECK(connection.fault(request(blank.token, "")).kind == FaultKind::Protocol);
  const auto made = connection.get<InitTokenReply>(request(blank.token, "new")).slot;
  CHECK(made.token.label == "new");
  CHECK(made.initialised);
  CHECK_FALSE(made.user_pin_initialised);

  InitPinRequest wrong{made.slot, made.token, Secret("not-the-so-pin"), Secret("1234")};
  const Fault refused = connection.fault(std::move(wrong));
  CHECK(refused.call == "C_Login");
  CHECK(pin_refused(refused.ckr));
  InitPinRequest right{made.slot, made.token, Secret(kSoPin), Secret("1234")};
  const auto initialised = connection.get<InitPinReply>(std::move(right));
  CHECK(initialised.slot.user_pin_initialised);

  connection.get<OpenReply>(OpenRequest{made.token});
  CHECK_FALSE(connection.get<LoginReply>(LoginRequest{Secret("1234")}).already);
}

}  // namespace
}  // namespace signet::test
