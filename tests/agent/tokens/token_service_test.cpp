// The token service over real hosts and SoftHSM, nothing failing.
#include "tests/agent/tokens/token_fixture.h"
#include "tests/build_paths.h"

#include <algorithm>
#include <set>

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;

namespace {

std::string text_parameter(const Error& error, std::string_view name) {
  const auto* value = error.parameters.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

}  // namespace

TEST_CASE("tokens are listed with their names, states and URIs") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  hsm.add_token("beta");
  TokenFixture fixture({softhsm_module(hsm)});

  const auto tokens = run(fixture.io, fixture.service->list());
  REQUIRE(tokens.size() == 3);  // SoftHSM always shows one blank slot
  const auto alpha = fixture.described("alpha");
  CHECK(alpha.label == "alpha");
  CHECK_FALSE(alpha.serial.empty());
  CHECK(alpha.manufacturer == "SoftHSM project");
  CHECK(alpha.module == "softhsm");
  CHECK(alpha.state == TokenState::Locked);
  CHECK(alpha.pin == PinState::Ok);
  CHECK(alpha.uri.starts_with("pkcs11:"));
  CHECK(alpha.uri.find("token=alpha") != std::string::npos);
  CHECK(std::ranges::count(tokens, TokenState::Blank, &TokenDescription::state) == 1);

  const auto modules = run(fixture.io, fixture.service->modules());
  REQUIRE(modules.size() == 1);
  CHECK(modules.front().usable);
}

TEST_CASE("a module that is not there is unusable and says why, and the others go on") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  ModuleConfig broken;
  broken.name = "broken";
  broken.path = "/nonexistent/module.so";
  TokenFixture fixture({broken, softhsm_module(hsm)});

  CHECK(fixture.described("alpha").state == TokenState::Locked);
  const auto modules = run(fixture.io, fixture.service->modules());
  REQUIRE(modules.size() == 2);
  CHECK_FALSE(modules[0].usable);
  CHECK(modules[0].why.find("dlopen") != std::string::npos);
  CHECK(modules[1].usable);
}

TEST_CASE("a host program that cannot be started is an error, not a hang") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  boost::asio::io_context io(1);
  const auto service = make_token_service(io.get_executor(), {softhsm_module(hsm)},
                                          std::make_shared<DiaryBudget>(), "/nonexistent/signet-token-host");
  CHECK(run(io, service->list()).empty());
  const auto modules = run(io, service->modules());
  CHECK_FALSE(modules.front().usable);
  CHECK(modules.front().why.find("/nonexistent/signet-token-host") != std::string::npos);
}

TEST_CASE("a token is unlocked, signs, is locked and needs its PIN again") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  TokenFixture fixture({softhsm_module(hsm)});

  const auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "release");
  REQUIRE(key);
  CHECK(fixture.described("alpha").state == TokenState::Locked);  // the admin host's login was its own

  const auto early = fixture.sign(*key, "hello");
  REQUIRE_FALSE(early);
  CHECK(early.error().name == ErrorName::PinRequired);
  CHECK(text_parameter(early.error(), "token") == "alpha");

  const auto unlocked = fixture.unlock("alpha");
  REQUIRE(unlocked);
  CHECK(unlocked->state == TokenState::Unlocked);
  const auto first = fixture.sign(*key, "hello");
  REQUIRE(first);
  CHECK(verifies(*key, as_bytes("hello"), *first));
  CHECK_FALSE(verifies(*key, as_bytes("hellO"), *first));
  CHECK(first->fresh_handle);
  const auto second = fixture.sign(*key, "hello");
  REQUIRE(second);
  CHECK_FALSE(second->fresh_handle);

  const auto locked = run(fixture.io, fixture.service->lock("alpha"));
  REQUIRE(locked);
  CHECK(locked->state == TokenState::Locked);
  const auto late = fixture.sign(*key, "hello");
  REQUIRE_FALSE(late);
  CHECK(late.error().name == ErrorName::PinRequired);
  CHECK(late.error().message.find("it was locked") != std::string::npos);
}

TEST_CASE("keys of all six algorithms are generated, found by URI, and sign") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  TokenFixture fixture({softhsm_module(hsm)});
  REQUIRE(fixture.unlock("alpha"));
  std::set<Bytes> ids;
  for (const auto algorithm : {KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Rsa2048,
                               KeyAlgorithm::Rsa3072, KeyAlgorithm::Rsa4096, KeyAlgorithm::Ed25519}) {
    const std::string name(to_string(algorithm));
    CAPTURE(name);
    const auto made = fixture.generate("alpha", algorithm, name);
    REQUIRE(made);
    CHECK(made->algorithm == algorithm);
    CHECK(made->evidence.sensitive);
    CHECK_FALSE(made->evidence.extractable);
    CHECK(made->evidence.local);
    CHECK(ids.insert(made->id).second);
    CHECK(fixture.described("alpha").state == TokenState::Unlocked);  // it was, and is again

    const auto found = run(fixture.io, fixture.service->find(made->uri));
    REQUIRE(found);
    CHECK(found->spki == made->spki);
    const auto by_label = run(fixture.io, fixture.service->find("pkcs11:token=alpha;object=" + name));
    REQUIRE(by_label);
    CHECK(by_label->spki == made->spki);
    CHECK(PublicKey::from_spki(found->spki)->algorithm() == algorithm);

    const auto signature = fixture.sign(*found, "a message");
    REQUIRE(signature);
    CHECK(verifies(*found, as_bytes("a message"), *signature));
    CHECK_FALSE(verifies(*found, as_bytes("b message"), *signature));
  }
  const auto several = run(fixture.io, fixture.service->find("pkcs11:token=alpha"));
  REQUIRE_FALSE(several);
  CHECK(several.error().name == ErrorName::InvalidParameter);
  CHECK(several.error().message.find("object=ed25519") != std::string::npos);
  const auto none = run(fixture.io, fixture.service->find("pkcs11:token=alpha;object=nothing"));
  REQUIRE_FALSE(none);
  CHECK(none.error().name == ErrorName::NotFound);
}

TEST_CASE("RSA PKCS #1 v1.5 signs, and a mechanism that does not fit the key is unsupported") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  TokenFixture fixture({softhsm_module(hsm)});
  REQUIRE(fixture.unlock("alpha"));
  const auto rsa = fixture.generate("alpha", KeyAlgorithm::Rsa2048, "rsa");
  REQUIRE(rsa);
  const auto scheme = SignatureScheme::RsaPkcs1Sha256;
  const auto signature = run(fixture.io, fixture.service->sign(location_of(*rsa), TokenMechanism::RsaPkcs1,
                                                               token_input(scheme, as_bytes("x"))));
  REQUIRE(signature);
  CHECK(
      verify_token_signature(*PublicKey::from_spki(rsa->spki), scheme, as_bytes("x"), signature->signature));

  const auto wrong =
      run(fixture.io, fixture.service->sign(location_of(*rsa), TokenMechanism::Ecdsa,
                                            token_input(SignatureScheme::EcdsaSha256, as_bytes("x"))));
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().name == ErrorName::MechanismUnsupported);
  CHECK(text_parameter(wrong.error(), "mechanism") == "CKM_ECDSA");
  const auto odd =
      run(fixture.io, fixture.service->sign(location_of(*rsa), TokenMechanism::RsaPssSha256, Bytes(31)));
  REQUIRE_FALSE(odd);
  CHECK(odd.error().name == ErrorName::InvalidParameter);
  // The host, its login and its session are as good as before.
  const auto after = fixture.sign(*rsa, "x");
  REQUIRE(after);
}

TEST_CASE("a wrong PIN is refused once and its value is never sent again; another one is") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  ModuleConfig module = shimmed_module(hsm, shim);
  TokenFixture fixture({module});

  const auto wrong = fixture.unlock("alpha", "not-the-pin");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().name == ErrorName::PinRefused);
  CHECK(text_parameter(wrong.error(), "remaining") == "low");
  CHECK(text_parameter(wrong.error(), "token") == "alpha");
  REQUIRE(shim.logins().size() == 1);
  CHECK(shim.logins().front().result == 0xA0);

  const auto again = fixture.unlock("alpha", "not-the-pin");
  REQUIRE_FALSE(again);
  CHECK(again.error().name == ErrorName::PinRefused);
  run(fixture.io, fixture.service->lock("alpha"));  // nor by a new host
  REQUIRE_FALSE(fixture.unlock("alpha", "not-the-pin"));
  CHECK(shim.logins().size() == 1);
  CHECK(fixture.described("alpha").pin == PinState::Low);

  REQUIRE(fixture.unlock("alpha"));
  CHECK(shim.logins().size() == 2);
  CHECK(fixture.described("alpha").pin == PinState::Ok);
  // The user PIN, the security officer's, a PIV card's PUK.
  const std::vector<std::string> diary = {"begin", "refused", "refused to begin", "refused to begin",
                                          "begin", "accepted"};
  CHECK(fixture.budget->diary == diary);
}

TEST_CASE("a token with a PIN source unlocks itself to sign and to find; callers share one login") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  ScratchDir dir;
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  ModuleConfig module = shimmed_module(hsm, shim);
  module.pins.push_back(pin_file(dir, "alpha", kUserPin));
  TokenFixture fixture({module});
  auto request = generate_request("alpha", KeyAlgorithm::EcdsaP256, "k");
  request.pin.reset();
  const auto key = run(fixture.io, fixture.service->generate(std::move(request)));
  REQUIRE(key);
  const std::size_t before = shim.logins().size();

  std::vector<boost::asio::awaitable<Result<TokenSignature>>> work;
  for (int i = 0; i < 16; ++i) work.push_back(fixture.signing(*key, "m" + std::to_string(i)));
  const auto results = run_all(fixture.io, std::move(work));
  for (std::size_t i = 0; i < results.size(); ++i) {
    REQUIRE(results[i]);
    CHECK(verifies(*key, as_bytes("m" + std::to_string(i)), *results[i]));
  }
  CHECK(shim.logins().size() == before + 1);
  // At most `sessions` of them: no session a call. One more is the host's own, which keeps the login.
  CHECK(shim.calls("C_OpenSession") <= 1 + 1 + module.sessions + 1);
}

TEST_CASE("a wrong PIN in a source costs one try, whoever asks and how often") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  ScratchDir dir;
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  ModuleConfig module = shimmed_module(hsm, shim);
  module.pins.push_back(pin_file(dir, "alpha", "wrong-pin"));
  TokenFixture fixture({module});
  const auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
  REQUIRE(key);
  const std::size_t before = shim.logins().size();

  std::vector<boost::asio::awaitable<Result<TokenSignature>>> work;
  for (int i = 0; i < 8; ++i) work.push_back(fixture.signing(*key, "m"));
  for (const auto& result : run_all(fixture.io, std::move(work))) {
    REQUIRE_FALSE(result);
    CHECK(result.error().name == ErrorName::PinRefused);
  }
  REQUIRE_FALSE(fixture.sign(*key, "m"));
  CHECK(shim.logins().size() == before + 1);
  // The person with the right PIN is not shut out.
  REQUIRE(fixture.unlock("alpha"));
  CHECK(fixture.sign(*key, "m"));
}

TEST_CASE("a person may set the PIN budget back; an empty PIN is no PIN") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  TokenFixture fixture({softhsm_module(hsm)});
  REQUIRE_FALSE(fixture.unlock("alpha", "wrong"));
  REQUIRE_FALSE(fixture.unlock("alpha", "wrong"));
  REQUIRE(run(fixture.io, fixture.service->reset_pin_budget("alpha")));
  REQUIRE_FALSE(fixture.unlock("alpha", "wrong"));
  // The user PIN, the security officer's, a PIV card's PUK.
  const std::vector<std::string> diary = {"begin", "refused", "refused to begin", "clear", "clear",
                                          "clear", "begin",   "refused"};
  CHECK(fixture.budget->diary == diary);
  const auto empty = fixture.unlock("alpha", "");
  REQUIRE_FALSE(empty);
  CHECK(empty.error().name == ErrorName::InvalidParameter);
  CHECK(fixture.budget->diary == diary);
}

TEST_CASE("a blank token is initialised by its module's name, and erased again with its SO PIN") {
  SoftHsm hsm;
  TokenFixture fixture({softhsm_module(hsm)});
  InitTokenRequest first;
  first.token = "softhsm";
  first.label = "fresh";
  first.so_pin = Secret(std::string_view(kSoPin));
  first.pin = Secret(std::string_view(kUserPin));
  const auto made = run(fixture.io, fixture.service->init(std::move(first)));
  REQUIRE(made);
  CHECK(made->name == "fresh");
  CHECK(made->state == TokenState::Locked);
  const auto key = fixture.generate("fresh", KeyAlgorithm::EcdsaP256, "k");
  REQUIRE(key);
  REQUIRE(fixture.unlock("fresh"));
  REQUIRE(fixture.sign(*key, "x"));

  InitTokenRequest refused;
  refused.token = "fresh";
  refused.label = "fresh";
  refused.so_pin = Secret(std::string_view("not-the-so-pin"));
  refused.pin = Secret(std::string_view("another-pin"));
  const auto wrong = run(fixture.io, fixture.service->init(std::move(refused)));
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().name == ErrorName::PinRefused);
  REQUIRE(fixture.unlock("fresh"));
  CHECK(fixture.sign(*key, "x"));  // nothing was erased

  InitTokenRequest again;
  again.token = "fresh";
  again.label = "renewed";
  again.so_pin = Secret(std::string_view(kSoPin));
  again.pin = Secret(std::string_view("another-pin"));
  const auto renewed = run(fixture.io, fixture.service->init(std::move(again)));
  REQUIRE(renewed);
  CHECK(renewed->name == "renewed");
  CHECK_FALSE(fixture.sign(*key, "x"));
  REQUIRE_FALSE(fixture.unlock("renewed", kUserPin));
  REQUIRE(fixture.unlock("renewed", "another-pin"));
}

TEST_CASE("a token that is made while the agent runs is found") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  TokenFixture fixture({softhsm_module(hsm)});
  REQUIRE(fixture.unlock("alpha"));
  hsm.add_token("late");
  CHECK(fixture.unlock("late"));
  CHECK(fixture.described("alpha").state == TokenState::Unlocked);
}

TEST_CASE("unknown, absent and ambiguous tokens have errors of their own") {
  SoftHsm hsm;
  hsm.add_token("twin");
  hsm.add_token("twin");
  TokenFixture fixture({softhsm_module(hsm)});
  const auto unknown = fixture.unlock("nobody");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().name == ErrorName::NotFound);
  CHECK(text_parameter(unknown.error(), "kind") == "token");
  const auto both = fixture.unlock("twin");
  REQUIRE_FALSE(both);
  CHECK(both.error().name == ErrorName::InvalidParameter);
  for (const auto& token : run(fixture.io, fixture.service->list())) {
    if (token.label != "twin") continue;
    CHECK(token.name == token.serial);
    CHECK(both.error().message.find(token.serial) != std::string::npos);
    CHECK(fixture.unlock(token.serial));
    CHECK(fixture.unlock(token.uri));
  }
  FoundKey elsewhere;
  elsewhere.token_label = "far away";
  elsewhere.token_serial = "123";
  elsewhere.spki = Bytes(91, 1);
  const auto absent = fixture.sign(elsewhere, "x");
  REQUIRE_FALSE(absent);
  CHECK(absent.error().name == ErrorName::TokenAbsent);
  CHECK(text_parameter(absent.error(), "label") == "far away");
  CHECK(text_parameter(absent.error(), "serial") == "123");
}

TEST_CASE("a key that is not on its token is not found, and the token stays unlocked") {
  SoftHsm hsm;
  hsm.add_token("alpha");
  hsm.add_token("beta");
  TokenFixture fixture({softhsm_module(hsm)});
  auto key = fixture.generate("alpha", KeyAlgorithm::EcdsaP256, "k");
  REQUIRE(key);
  REQUIRE(fixture.unlock("beta"));
  key->token_label = "beta";
  key->token_serial = fixture.described("beta").serial;
  const auto missing = fixture.sign(*key, "x");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().name == ErrorName::NotFound);
  CHECK(fixture.described("beta").state == TokenState::Unlocked);
}
