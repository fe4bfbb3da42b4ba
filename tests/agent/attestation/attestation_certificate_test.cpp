#include "agent/attestation/attestation_certificate.h"

#include <catch2/catch.hpp>

#include "tests/support/attestation_maker.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

constexpr const char* kArc = "1.3.6.1.4.1.41482.3.";

std::string reason_of(const Result<AttestationCertificate>& result) {
  if (result) return "accepted";
  REQUIRE(result.error().name == ErrorName::KeyRefused);
  CHECK(result.error().message.size() > 40);
  const std::string why(result.error().parameters.at("why").get_string());
  REQUIRE(why.starts_with("attestation-"));
  return why.substr(std::string("attestation-").size());
}

std::string reason_of_extensions(std::vector<Extension> extensions) {
  static const AttestationMaker maker;
  static const TestKey key = make_p256_key();
  return reason_of(parse_attestation(der_of(maker.attest(key, std::move(extensions)))));
}

std::vector<Extension> without(const std::string& last) {
  auto extensions = yubikey_extensions();
  std::erase_if(extensions, [&](const Extension& one) { return one.first == kArc + last; });
  return extensions;
}

std::vector<Extension> with(const std::string& last, Bytes value) {
  auto extensions = yubikey_extensions();
  for (Extension& one : extensions)
    if (one.first == kArc + last) one.second = value;
  return extensions;
}

TEST_CASE("an attestation says which token made the key, and when it wants PIN and touch") {
  const AttestationMaker maker;
  const TestKey key = make_p256_key();
  const Bytes der = der_of(maker.attest(
      key, yubikey_extensions({5, 7, 1}, {0x02, 0x04, 0x00, 0xf1, 0xa3, 0x2f}, {0x03, 0x02}, {0x83})));
  const auto read = parse_attestation(der);
  REQUIRE(read);
  CHECK(read->facts.firmware == FirmwareVersion{5, 7, 1});
  CHECK(read->facts.serial == 15835951);
  CHECK(read->facts.pin == PinPolicy::Always);
  CHECK(read->facts.touch == TouchPolicy::Always);
  CHECK(read->facts.form_factor == 0x83);
  CHECK(form_factor_text(*read->facts.form_factor) == "USB-C keychain, FIPS");
  CHECK(read->spki == spki_of(key));
  CHECK(read->der == der);
  CHECK(looks_like_attestation(der));
}

TEST_CASE("serial number and form factor may be left out, as YubiKey 4 does") {
  auto extensions = without("7");
  std::erase_if(extensions, [](const Extension& one) { return one.first == std::string(kArc) + "9"; });
  const AttestationMaker maker;
  const auto read = parse_attestation(der_of(maker.attest(make_p256_key(), extensions)));
  REQUIRE(read);
  CHECK_FALSE(read->facts.serial);
  CHECK_FALSE(read->facts.form_factor);
}

TEST_CASE("a certificate without firmware or policies is no attestation") {
  CHECK(reason_of_extensions(without("3")) == "not-an-attestation");
  CHECK(reason_of_extensions(without("8")) == "not-an-attestation");
  CHECK(reason_of_extensions({}) == "not-an-attestation");
  const AttestationMaker maker;
  CHECK_FALSE(looks_like_attestation(der_of(maker.intermediate())));
}

TEST_CASE("extensions of another size or content are refused") {
  for (const Bytes& firmware : {Bytes{}, Bytes{5, 7}, Bytes{5, 7, 1, 0}})
    CHECK(reason_of_extensions(with("3", firmware)) == "malformed");
  for (const Bytes& policies :
       {Bytes{}, Bytes{2}, Bytes{2, 2, 2}, Bytes{0, 2}, Bytes{6, 2}, Bytes{2, 0}, Bytes{2, 4}})
    CHECK(reason_of_extensions(with("8", policies)) == "malformed");
  // Not a DER INTEGER; one that is cut; bytes behind it; negative; not minimal; 2^32.
  for (const Bytes& serial :
       {Bytes{}, Bytes{1, 2, 3}, Bytes{0x02, 0x04, 0x01}, Bytes{0x02, 0x01, 0x2a, 0x00},
        Bytes{0x02, 0x01, 0xff}, Bytes{0x02, 0x02, 0x00, 0x2a}, Bytes{0x02, 0x05, 0x01, 0, 0, 0, 0}})
    CHECK(reason_of_extensions(with("7", serial)) == "malformed");
  CHECK(reason_of_extensions(with("7", {0x02, 0x05, 0x00, 0xff, 0xff, 0xff, 0xff})) ==
        "accepted");  // 2^32 - 1
  for (const Bytes& form : {Bytes{}, Bytes{1, 2}})
    CHECK(reason_of_extensions(with("9", form)) == "malformed");
}

TEST_CASE("an extension that is there twice could be read in two ways") {
  for (const char* last : {"3", "7", "8", "9"}) {
    auto extensions = yubikey_extensions();
    for (const Extension& one : yubikey_extensions())
      if (one.first == std::string(kArc) + last) extensions.push_back(one);
    CHECK(reason_of_extensions(extensions) == "malformed");
  }
}

TEST_CASE("each cut of an attestation, and bytes behind it, are refused") {
  const AttestationMaker maker;
  const Bytes der = der_of(maker.attest(make_p256_key()));
  for (std::size_t size = 0; size < der.size(); ++size)
    CHECK(reason_of(parse_attestation(BytesView(der).first(size))) == "malformed");
  Bytes longer = der;
  longer.push_back(0);
  CHECK(reason_of(parse_attestation(longer)) == "malformed");
  CHECK(reason_of(parse_attestation(Bytes(kMaxAttestationSize + 1, 0x30))) == "malformed");
}

TEST_CASE("a certificate of version 1 has no extensions") {
  const AttestationMaker maker;
  CertificateRequest request;
  request.subject = "YubiKey PIV Attestation 9c";
  request.key = make_p256_key();
  request.version = X509_VERSION_1;
  const std::string reason = reason_of(parse_attestation(der_of(maker.issue(request))));
  CHECK(reason == "malformed");
}

TEST_CASE("a key of an algorithm that Signet does not know is refused by name") {
  const AttestationMaker maker;
  const TestKey key(EVP_RSA_gen(1024), EVP_PKEY_free);
  CHECK(reason_of(parse_attestation(der_of(maker.attest(key)))) == "unsupported-key");
}

TEST_CASE("PEM: certificates in order, other blocks passed over, damage refused") {
  const AttestationMaker maker;
  const std::string first = pem_of(maker.intermediate()), second = pem_of(maker.root());
  const auto both = certificates_from_pem("some words\n" + first + "-----BEGIN PUBLIC KEY-----\nAAAA\n" +
                                          "-----END PUBLIC KEY-----\n" + second);
  REQUIRE(both);
  REQUIRE(both->size() == 2);
  CHECK((*both)[0] == der_of(maker.intermediate()));
  CHECK((*both)[1] == der_of(maker.root()));
  for (const std::string& bad :
       {std::string(), std::string("no PEM at all"), first.substr(0, first.size() / 2),
        std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        first + "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"}) {
    const auto read = certificates_from_pem(bad);
    REQUIRE_FALSE(read);
    CHECK(read.error().name == ErrorName::KeyRefused);
  }
  std::string most;
  for (std::size_t i = 0; i < kMaxPemCertificates; ++i) most += first;
  CHECK(certificates_from_pem(most));
  CHECK_FALSE(certificates_from_pem(most + first));
}

}  // namespace
}  // namespace signet::test
