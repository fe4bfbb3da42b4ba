// What is read of certificates that others made, and from which texts.
#include "agent/certificates/certificate_facts.h"

#include <catch2/catch.hpp>

#include "tests/support/attestation_maker.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

namespace {

TestCertificate made(const std::string& subject) {
  static const AttestationMaker maker;
  CertificateRequest request;
  request.subject = subject;
  request.key = make_p256_key();
  return maker.issue(request);
}

std::string refusal(std::string_view pem) {
  const auto read = certificate_from_pem(pem);
  REQUIRE_FALSE(read);
  CHECK(read.error().name == ErrorName::InvalidParameter);
  CHECK(read.error().parameters.at("parameter") == "certificate");
  return read.error().message;
}

}  // namespace

TEST_CASE("a certificate tells whose it is, until when, and its PEM is its bytes again") {
  const TestCertificate certificate = made("build.example");
  const Bytes der = der_of(certificate);
  const auto facts = read_certificate(der);
  REQUIRE(facts);
  CHECK(facts->subject == "CN=build.example");
  CHECK(facts->issuer == "CN=Yubico PIV Attestation");
  CHECK(facts->not_after - facts->not_before == std::chrono::hours(2));
  CHECK(facts->fingerprint == sha256_hex(der));
  CHECK(*certificate_from_pem(facts->pem) == der);
  CHECK(facts->pem == pem_of(certificate));
}

TEST_CASE("names that would deceive whoever reads them are shown for what they are") {
  const auto facts = read_certificate(der_of(made("a\xE2\x80\xAEgro.b\nYes")));
  REQUIRE(facts);
  CHECK(facts->subject.find('\n') == std::string::npos);
  CHECK(facts->subject.find("\xE2\x80\xAE") == std::string::npos);
  const auto long_name = read_certificate(der_of(made(std::string(64, 'x'))));
  REQUIRE(long_name);
  CHECK(long_name->subject.size() <= 512);
}

TEST_CASE("no part of a certificate, nor more than one, is a certificate") {
  const Bytes der = der_of(made("build"));
  for (std::size_t size = 0; size < der.size(); ++size)
    CHECK_FALSE(read_certificate(BytesView(der.data(), size)));
  Bytes longer = der;
  longer.push_back(0);
  CHECK_FALSE(read_certificate(longer));
  // Each bit counts, or it is read as another certificate; nothing crashes.
  for (std::size_t at = 0; at < der.size(); ++at) {
    Bytes other = der;
    other[at] ^= 0x10;
    const auto facts = read_certificate(other);
    if (facts) CHECK(facts->fingerprint != sha256_hex(der));
  }
}

TEST_CASE("a PEM text holds one certificate and nothing else in PEM") {
  const std::string pem = pem_of(made("build")), another = pem_of(made("ca"));
  const Bytes der = *certificate_from_pem(pem);
  CHECK(*certificate_from_pem("Certificate:\n  Data:\n" + pem + "\nthat was it\n") == der);
  std::string windows;
  for (const char c : pem) windows += c == '\n' ? "\r\n" : std::string(1, c);
  CHECK(*certificate_from_pem(windows) == der);
  CHECK(refusal("").find("BEGIN CERTIFICATE") != std::string::npos);
  CHECK(refusal("hello").find("BEGIN CERTIFICATE") != std::string::npos);
  CHECK(refusal(pem + another).find("several") != std::string::npos);
  CHECK(refusal(pem.substr(0, pem.size() / 2)).find("damaged") != std::string::npos);
  CHECK(refusal("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n").find("damaged") !=
        std::string::npos);
  const std::string secret = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
  for (const std::string& text : {pem + secret, secret + pem})
    CHECK(refusal(text).find("PRIVATE KEY") != std::string::npos);
}
