// Certificates beside keys, over real hosts and SoftHSM: written, read, replaced; and what goes wrong in
// between.
#include <algorithm>

#include "tests/agent/tokens/token_fixture.h"
#include "tests/build_paths.h"
#include "tests/support/attestation_maker.h"

using namespace signet;
using namespace signet::test;

namespace {

constexpr unsigned long kOfficer = 0, kUser = 1;

struct CertificateFixture {
  explicit CertificateFixture(bool shared = false, bool with_source = false)
      : shim(lib_dir(), SoftHsm::module(), hsm.environment()) {
    hsm.add_token("alpha");
    ModuleConfig module = shimmed_module(hsm, shim);
    module.shared = shared;
    module.deadlines.login = std::chrono::seconds(3);
    if (with_source) module.pins.push_back(pin_file(source, "alpha", kUserPin));
    tokens.emplace(std::vector<ModuleConfig>{module});
    REQUIRE(tokens->unlock("alpha"));
    auto made = tokens->generate("alpha", KeyAlgorithm::EcdsaP256, "build");
    REQUIRE(made);
    key = *made;
    tokens->budget->diary.clear();
  }

  // Over the key's public half, by a CA of the test's.
  Bytes certificate(const std::string& subject, std::vector<Extension> extensions = {}) const {
    CertificateRequest request;
    request.subject = subject;
    request.key = key_of(key.spki);
    request.extensions = std::move(extensions);
    return der_of(maker.issue(request));
  }
  StoreCertificateRequest request(Bytes der, bool replace = false) const {
    StoreCertificateRequest wanted;
    wanted.key = "build";
    wanted.uri = key.uri;
    wanted.der = std::move(der);
    wanted.replace = replace;
    return wanted;
  }
  Result<StoredCertificate> store(StoreCertificateRequest wanted) {
    return run(tokens->io, tokens->service->store_certificate(std::move(wanted)));
  }
  std::vector<Bytes> read() {
    auto found = run(tokens->io, tokens->service->read_certificates(key.uri));
    REQUIRE(found);
    return std::move(*found);
  }
  std::size_t logins_by(unsigned long user) const {
    const auto all = shim.logins();
    return static_cast<std::size_t>(
        std::ranges::count_if(all, [&](const LoginAttempt& attempt) { return attempt.user == user; }));
  }

  ScratchDir source;
  SoftHsm hsm;
  FaultShim shim;
  AttestationMaker maker;
  std::optional<TokenFixture> tokens;
  FoundKey key;
};

std::string parameter(const Error& error, std::string_view name) {
  return std::string(error.parameters.at(name).as_string());
}

}  // namespace

TEST_CASE("a certificate that is written is read back, and nobody's PIN was needed for either") {
  for (const bool shared : {false, true}) {
    CertificateFixture fixture(shared);
    CHECK(fixture.read().empty());
    const std::size_t before = fixture.logins_by(kUser);
    const Bytes der = fixture.certificate("first");
    const auto stored = fixture.store(fixture.request(der));
    REQUIRE(stored);
    CHECK_FALSE(stored->replaced);
    CHECK(fixture.read() == std::vector<Bytes>{der});
    REQUIRE(run(fixture.tokens->io, fixture.tokens->service->lock("alpha")));
    CHECK(fixture.read() == std::vector<Bytes>{der});
    CHECK(fixture.logins_by(kUser) == before);
    CHECK(fixture.tokens->budget->diary.empty());
    REQUIRE(fixture.tokens->unlock("alpha"));
    CHECK(fixture.tokens->sign(fixture.key, "message"));
  }
}

TEST_CASE(
    "another certificate is replaced only where that is said, and the new one is there before it goes") {
  CertificateFixture fixture;
  const Bytes first = fixture.certificate("first"), second = fixture.certificate("second");
  REQUIRE(fixture.store(fixture.request(first)));
  const auto again = fixture.store(fixture.request(first));
  REQUIRE(again);
  CHECK_FALSE(again->replaced);
  CHECK(fixture.shim.calls("C_CreateObject") == 1);  // it was there
  const auto refused = fixture.store(fixture.request(second));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().name == ErrorName::AlreadyExists);
  CHECK(fixture.read() == std::vector<Bytes>{first});

  fixture.shim.set("C_CreateObject 1 fail 0x30\n");  // CKR_DEVICE_ERROR
  CHECK_FALSE(fixture.store(fixture.request(second, true)));
  CHECK(fixture.read() == std::vector<Bytes>{first});
  fixture.shim.set("C_DestroyObject 1 fail 0x30\n");
  CHECK_FALSE(fixture.store(fixture.request(second, true)));
  CHECK(fixture.read().size() == 2);  // nothing was lost
  fixture.shim.clear();
  const auto replaced = fixture.store(fixture.request(second, true));
  REQUIRE(replaced);
  CHECK(replaced->replaced);
  CHECK(fixture.read() == std::vector<Bytes>{second});
}

TEST_CASE("a token that takes a certificate and does not give it back is not believed") {
  CertificateFixture fixture;
  const Bytes first = fixture.certificate("first");
  REQUIRE(fixture.store(fixture.request(first)));
  fixture.shim.set("C_CreateObject 1 fail 0x0\n");
  const auto refused = fixture.store(fixture.request(fixture.certificate("second"), true));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().name == ErrorName::TokenFault);
  CHECK(refused.error().message.find("does not give it back") != std::string::npos);
  CHECK(fixture.read() == std::vector<Bytes>{first});
}

TEST_CASE(
    "a certificate of 16 KiB is written and listed; one byte more is refused before the token is asked") {
  CertificateFixture fixture;
  const auto sized = [&](std::size_t filling) {
    return fixture.certificate("large", {{"1.3.6.1.4.1.55555.1", Bytes(filling, 7)}});
  };
  const std::size_t frame = sized(16000).size() - 16000;
  Bytes largest = sized(16 * 1024 - frame);
  while (largest.size() > 16 * 1024) largest = sized(16 * 1024 - frame - (largest.size() - 16 * 1024));
  // An ECDSA signature has 70 to 72 bytes.
  for (int tries = 0; largest.size() != 16 * 1024 && tries < 200; ++tries) largest = sized(16 * 1024 - frame);
  REQUIRE(largest.size() == 16 * 1024);
  REQUIRE(fixture.store(fixture.request(largest)));
  CHECK(fixture.read() == std::vector<Bytes>{largest});
  const std::uint64_t sessions = fixture.shim.calls("C_OpenSession");
  Bytes longer = largest;
  longer.push_back(0);
  const auto refused = fixture.store(fixture.request(longer, true));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().name == ErrorName::InvalidParameter);
  CHECK(parameter(refused.error(), "parameter") == "certificate");
  CHECK(fixture.shim.calls("C_OpenSession") == sessions);
}

TEST_CASE("bytes that are no certificate do not get past the host") {
  CertificateFixture fixture;
  Bytes trailing = fixture.certificate("first");
  trailing.push_back(0);
  for (const Bytes& bad : {Bytes(), Bytes{0x30, 0x00}, trailing}) {
    const auto refused = fixture.store(fixture.request(bad));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().name == ErrorName::InvalidParameter);
  }
  CHECK(fixture.shim.calls("C_CreateObject") == 0);
  CHECK(fixture.read().empty());
}

TEST_CASE("a key without a CKA_ID, a token that is not there, two PINs at once") {
  CertificateFixture fixture;
  const Bytes der = fixture.certificate("first");
  StoreCertificateRequest nameless = fixture.request(der);
  nameless.uri = "pkcs11:token=alpha;object=build;type=private";
  CHECK(parameter(fixture.store(std::move(nameless)).error(), "parameter") == "key");
  StoreCertificateRequest elsewhere = fixture.request(der);
  elsewhere.uri = "pkcs11:token=beta;id=%01;type=private";
  CHECK(fixture.store(std::move(elsewhere)).error().name == ErrorName::NotFound);
  CHECK(run(fixture.tokens->io,
            fixture.tokens->service->read_certificates("pkcs11:token=beta;id=%01;type=private"))
            .error()
            .name == ErrorName::NotFound);
  StoreCertificateRequest both = fixture.request(der);
  both.pin.emplace(kUserPin);
  both.so_pin.emplace(kSoPin);
  CHECK(parameter(fixture.store(std::move(both)).error(), "parameter") == "soPin");
  CHECK(fixture.shim.calls("C_CreateObject") == 0);
}

TEST_CASE("a token that wants its user for it gets the PIN once, from whoever has it") {
  CertificateFixture fixture;
  fixture.shim.set("C_CreateObject 1 fail 0x101\n");  // CKR_USER_NOT_LOGGED_IN
  const std::size_t before = fixture.logins_by(kUser);
  const Bytes der = fixture.certificate("first");
  const auto refused = fixture.store(fixture.request(der));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().name == ErrorName::PinRequired);
  CHECK(fixture.logins_by(kUser) == before);
  StoreCertificateRequest with_pin = fixture.request(der);
  with_pin.pin.emplace(kUserPin);
  REQUIRE(fixture.store(std::move(with_pin)));
  // The host that wrote it, and the token's host, which was replaced and goes on unlocked.
  CHECK(fixture.logins_by(kUser) == before + 2);
  CHECK(fixture.tokens->described("alpha").state == TokenState::Unlocked);
  CHECK(fixture.read() == std::vector<Bytes>{der});
}

TEST_CASE("a token's PIN source is asked only where the token wants its user") {
  CertificateFixture fixture(false, true);
  const std::size_t before = fixture.logins_by(kUser);
  REQUIRE(fixture.store(fixture.request(fixture.certificate("first"))));
  CHECK(fixture.logins_by(kUser) == before);
  fixture.shim.set("C_CreateObject 1 fail 0x101\n");
  const Bytes der = fixture.certificate("second");
  REQUIRE(fixture.store(fixture.request(der, true)));
  CHECK(fixture.read() == std::vector<Bytes>{der});
  CHECK(fixture.logins_by(kUser) == before + 2);
}

TEST_CASE("a wrong PIN costs one try and is not sent again; the token's user signs on") {
  CertificateFixture fixture;
  const std::size_t before = fixture.logins_by(kUser);
  for (int again = 0; again < 3; ++again) {
    StoreCertificateRequest wrong = fixture.request(fixture.certificate("first"));
    wrong.pin.emplace("not-the-pin");
    const auto refused = fixture.store(std::move(wrong));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().name == ErrorName::PinRefused);
  }
  CHECK(fixture.logins_by(kUser) == before + 1);
  CHECK(fixture.shim.calls("C_CreateObject") == 0);
  CHECK(fixture.tokens->budget->diary ==
        std::vector<std::string>{"begin", "refused", "refused to begin", "refused to begin"});
  CHECK(fixture.tokens->sign(fixture.key, "message"));
  CHECK(fixture.tokens->described("alpha").state == TokenState::Unlocked);
}

TEST_CASE("the security officer's PIN has a budget of its own, which a person clears") {
  CertificateFixture fixture;
  fixture.shim.set("C_CreateObject 1 fail 0x103\n");  // CKR_USER_TYPE_INVALID
  const Bytes der = fixture.certificate("first");
  const auto only_officer = fixture.store(fixture.request(der));
  REQUIRE_FALSE(only_officer);
  CHECK(only_officer.error().name == ErrorName::InvalidParameter);
  CHECK(parameter(only_officer.error(), "parameter") == "soPin");
  const auto store_as = [&](const char* so_pin) {
    StoreCertificateRequest wanted = fixture.request(der);
    wanted.so_pin.emplace(so_pin);
    return fixture.store(std::move(wanted));
  };
  for (int again = 0; again < 3; ++again) {
    const auto refused = store_as("not-the-so-pin");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().name == ErrorName::PinRefused);
  }
  CHECK(fixture.logins_by(kOfficer) == 1);
  CHECK(fixture.shim.calls("C_CreateObject") == 1);
  CHECK(fixture.tokens->sign(fixture.key, "message"));
  // A person has looked.
  REQUIRE(run(fixture.tokens->io, fixture.tokens->service->reset_pin_budget("alpha")));
  REQUIRE(store_as(kSoPin));
  CHECK(fixture.logins_by(kOfficer) == 2);
  CHECK(fixture.read() == std::vector<Bytes>{der});
  REQUIRE(store_as(kSoPin));  // it is there: nobody logs in
  CHECK(fixture.logins_by(kOfficer) == 2);
  CHECK(fixture.tokens->sign(fixture.key, "message"));
}

TEST_CASE("what fails after a good login of the officer does not count against the SO PIN") {
  CertificateFixture fixture;
  fixture.shim.set("C_CreateObject 1 fail 0x30\n");
  const auto store_as = [&](const char* so_pin) {
    StoreCertificateRequest wanted = fixture.request(fixture.certificate("first"));
    wanted.so_pin.emplace(so_pin);
    return fixture.store(std::move(wanted));
  };
  REQUIRE_FALSE(store_as(kSoPin));
  CHECK(fixture.tokens->budget->diary == std::vector<std::string>{"begin", "accepted"});
  CHECK(store_as(kSoPin));
}

TEST_CASE(
    "a host that dies or hangs while it writes: a typed error, an unknown outcome, and the next one works") {
  for (const char* rule : {"C_CreateObject 1 crash\n", "C_CreateObject 1 hang\n"}) {
    CertificateFixture fixture;
    fixture.shim.set(rule);
    const Bytes der = fixture.certificate("first");
    const auto lost = fixture.store(fixture.request(der));
    REQUIRE_FALSE(lost);
    CHECK(lost.error().name == ErrorName::TokenFault);
    CHECK(fixture.tokens->sign(fixture.key, "message"));
    CHECK(fixture.store(fixture.request(der)));
    CHECK(fixture.read() == std::vector<Bytes>{der});
  }
}

TEST_CASE("a module that writes no certificates says so, with what does") {
  CertificateFixture fixture;
  fixture.shim.set("C_CreateObject * fail 0x54\n");  // CKR_FUNCTION_NOT_SUPPORTED
  const auto refused = fixture.store(fixture.request(fixture.certificate("first")));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().name == ErrorName::TokenFault);
  CHECK(parameter(refused.error(), "ckr") == "CKR_FUNCTION_NOT_SUPPORTED");
  CHECK(refused.error().message.find("ykman piv certificates import") != std::string::npos);
}

TEST_CASE("signatures that are asked for while a certificate is written are all made") {
  for (const bool shared : {false, true}) {
    CertificateFixture fixture(shared);
    fixture.shim.set("C_CreateObject * delay 200\n");
    std::vector<boost::asio::awaitable<Result<TokenSignature>>> work;
    for (int count = 0; count < 8; ++count) work.push_back(fixture.tokens->signing(fixture.key, "message"));
    bool stored = false;
    StoreCertificateRequest wanted = fixture.request(fixture.certificate("first"));
    wanted.pin.emplace(kUserPin);
    boost::asio::co_spawn(
        fixture.tokens->io, fixture.tokens->service->store_certificate(std::move(wanted)),
        [&](std::exception_ptr, Result<StoredCertificate> result) { stored = bool(result); });
    for (const auto& signature : run_all(fixture.tokens->io, std::move(work))) CHECK(signature);
    run_for(fixture.tokens->io, std::chrono::milliseconds(3000));
    CHECK(stored);
    CHECK(fixture.tokens->sign(fixture.key, "message"));
  }
}
