// Keys that were not made by a host: always-authenticate ones, and such whose public key must be searched
// for.
#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <thread>

#include "tests/build_paths.h"
#include "tests/pkcs11/host_client.h"
#include "tests/pkcs11/raw_token.h"
#include "tests/pkcs11/token_setup.h"
#include "tests/pkcs11/verify.h"
#include "tests/support/fault_shim.h"

namespace signet::test {
namespace {

using namespace signet::host;

constexpr unsigned long kUser = 1, kContextSpecific = 2;

std::size_t pins_sent(const FaultShim& shim, unsigned long user) {
  std::size_t count = 0;
  for (const LoginAttempt& attempt : shim.logins()) count += attempt.user == user ? 1 : 0;
  return count;
}

bool signs(HostConnection& connection, const Bytes& spki, const Bytes& message) {
  const auto reply = connection.get<SignReply>(
      SignRequest{spki, {}, "", Mechanism::Ecdsa, input_for(Mechanism::Ecdsa, message)});
  return verifies(spki, Mechanism::Ecdsa, message, reply.signature);
}

// A request with as many inputs as it may have, and what is signed.
struct Batch {
  explicit Batch(const Bytes& spki) {
    request.spki = spki;
    request.input = input_for(Mechanism::Ecdsa, first);
    for (std::uint8_t number = 0; number < kMostFurtherInputs; ++number) {
      messages.push_back({number});
      request.further.push_back(input_for(Mechanism::Ecdsa, messages.back()));
    }
  }
  void check(const SignReply& reply, std::size_t count) const {
    CHECK(verifies(request.spki, Mechanism::Ecdsa, first, reply.signature));
    REQUIRE(reply.further.size() == count);
    for (std::size_t index = 0; index < count; ++index)
      CHECK(verifies(request.spki, Mechanism::Ecdsa, messages[index], reply.further[index]));
  }
  const Bytes first = {1, 2, 3};
  std::vector<Bytes> messages;
  SignRequest request;
};

TEST_CASE("Further inputs are signed in order, up to the first one that fails") {
  SoftHsm hsm;
  hsm.add_token("token");
  const TokenIdentity identity = identity_of(hsm, "token");
  const Bytes spki = RawToken(hsm, identity).generate(Bytes{1}, "key").spki;
  const Bytes always = RawToken(hsm, identity).generate(Bytes{2}, "always", true).spki;
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  HostProgram program(Mode::Token, shim.module(), shim.environment());
  HostConnection connection = open_token(program, identity);
  Batch batch(spki);
  batch.check(connection.get<SignReply>(batch.request), kMostFurtherInputs);
  shim.set("C_Sign 4 fail 0x30");
  batch.check(connection.get<SignReply>(batch.request), 2);
  shim.set("C_SignInit 2 fail 0xb3");
  batch.check(connection.get<SignReply>(batch.request), 0);
  shim.set("");
  batch.check(connection.get<SignReply>(batch.request), kMostFurtherInputs);  // nothing is left broken
  const Batch with_pin(always);
  with_pin.check(connection.get<SignReply>(with_pin.request), 0);
  batch.request.further.push_back(batch.request.further.front());
  CHECK(connection.fault(batch.request).kind == FaultKind::Protocol);
}

TEST_CASE("A key that always authenticates gets the PIN for each signature") {
  SoftHsm hsm;
  hsm.add_token("token");
  const TokenIdentity identity = identity_of(hsm, "token");
  const Bytes always = RawToken(hsm, identity).generate(Bytes{1}, "always", true).spki;
  const Bytes plain = RawToken(hsm, identity).generate(Bytes{2}, "plain").spki;
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  HostProgram program(Mode::Token, shim.module(), shim.environment());
  HostConnection connection = open_token(program, identity);
  CHECK(connection.get<FindKeyReply>(FindKeyRequest{always, {}, ""}).key.always_authenticate);
  CHECK(signs(connection, always, {1}));
  CHECK(signs(connection, always, {2}));
  CHECK(pins_sent(shim, kContextSpecific) == 2);
  CHECK(signs(connection, plain, {3}));
  CHECK(pins_sent(shim, kContextSpecific) == 2);

  SECTION("side by side with others, no operation slips between the three calls") {
    constexpr int kThreads = 6, kSignatures = 40;
    std::vector<int> good(kThreads, 0);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        HostConnection own = program.connect();
        own.get<OpenReply>(OpenRequest{identity});
        for (int i = 0; i < kSignatures; ++i)
          good[static_cast<std::size_t>(t)] +=
              signs(own, t % 2 == 0 ? always : plain, {static_cast<std::uint8_t>(i)}) ? 1 : 0;
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(good == std::vector<int>(kThreads, kSignatures));
    CHECK(pins_sent(shim, kContextSpecific) == 2 + kThreads / 2 * kSignatures);
  }
  SECTION("a PIN that is refused there is wiped and never sent again") {
    shim.set("C_Login 1 fail 0xa0");
    const SignRequest request{always, {}, "", Mechanism::Ecdsa, Bytes(32)};
    const Fault refused = connection.fault(request);
    CHECK(refused.call == "C_Login");
    CHECK(pin_refused(refused.ckr));
    CHECK(pins_sent(shim, kContextSpecific) == 3);
    const Fault unknown = connection.fault(request);
    CHECK(ckr_name(unknown.ckr) == "CKR_USER_NOT_LOGGED_IN");
    CHECK(unknown.detail.find("unlock the token again") != std::string::npos);
    CHECK(pins_sent(shim, kContextSpecific) == 3);
    CHECK(pins_sent(shim, kUser) == 1);
    CHECK(signs(connection, plain, {1}));  // the token itself is still logged in
  }
}

// What a host finds of one private key after `arrange` has done something to the token.
template <typename Arrange>
FindObjectsReply listed_after(const SoftHsm& hsm, const TokenIdentity& identity, Arrange arrange) {
  {
    RawToken raw(hsm, identity);
    arrange(raw);
  }
  HostProgram program(Mode::Token, SoftHsm::module(), hsm.environment());
  HostConnection connection = open_token(program, identity);
  return connection.get<FindObjectsReply>(FindObjectsRequest{});
}

TEST_CASE("A key is told by its certificate where it has no public key object") {
  SoftHsm hsm;
  hsm.add_token("token");
  const TokenIdentity identity = identity_of(hsm, "token");
  RawToken::Pair pair;
  const auto with = [&](bool certificate) {
    return listed_after(hsm, identity, [&](RawToken& raw) {
      pair = raw.generate(Bytes{1}, "key");
      raw.destroy(pair.public_key);
      if (certificate) raw.store_certificate(Bytes{1}, "certificate", certificate_of(pair.spki));
    });
  };
  SECTION("with a certificate") {
    const auto found = with(true);
    REQUIRE(found.keys.size() == 1);
    CHECK(found.skipped == 0);
    CHECK(found.keys[0].spki == pair.spki);
    CHECK(found.keys[0].source == SpkiSource::Certificate);
    HostProgram program(Mode::Token, SoftHsm::module(), hsm.environment());
    HostConnection connection = open_token(program, identity);
    CHECK(signs(connection, pair.spki, {1, 2}));
  }
  SECTION("with neither, it is counted and left out") {
    const auto found = with(false);
    CHECK(found.keys.empty());
    CHECK(found.skipped == 1);
  }
}

TEST_CASE("Keys that share a CKA_ID are told by their labels, or not at all") {
  SoftHsm hsm;
  hsm.add_token("token");
  const TokenIdentity identity = identity_of(hsm, "token");
  RawToken::Pair a, b;
  SECTION("by label") {
    const auto found = listed_after(hsm, identity, [&](RawToken& raw) {
      a = raw.generate(Bytes{1}, "a");
      b = raw.generate(Bytes{1}, "b");
    });
    REQUIRE(found.keys.size() == 2);
    HostProgram program(Mode::Token, SoftHsm::module(), hsm.environment());
    HostConnection connection = open_token(program, identity);
    CHECK(signs(connection, a.spki, {1}));
    CHECK(signs(connection, b.spki, {2}));
  }
  SECTION("the same label: rather no key than the wrong one") {
    const auto found = listed_after(hsm, identity, [&](RawToken& raw) {
      a = raw.generate(Bytes{1}, "a");
      b = raw.generate(Bytes{1}, "a");
    });
    CHECK(found.keys.empty());
    CHECK(found.skipped == 2);
  }
  SECTION("no CKA_ID at all: by label alone") {
    const auto found = listed_after(hsm, identity, [&](RawToken& raw) {
      a = raw.generate({}, "a");
      b = raw.generate({}, "b");
    });
    REQUIRE(found.keys.size() == 2);
    HostProgram program(Mode::Token, SoftHsm::module(), hsm.environment());
    HostConnection connection = open_token(program, identity);
    CHECK(signs(connection, a.spki, {1}));
    CHECK(signs(connection, b.spki, {2}));
  }
}

}  // namespace
}  // namespace signet::test
