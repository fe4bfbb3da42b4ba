// Certificates and requests as OpenSSL reads them; tests/integration/certificates_test.py asks other
// programs.
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <catch2/catch.hpp>
#include <set>

#include "agent/certificates/certificate_builder.h"
#include "protocol/metadata_time.h"
#include "protocol/openssl_handles.h"
#include "tests/protocol/test_keys.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

namespace {

const std::chrono::sys_seconds kNow = *parse_expiry("2026-11-28T12:00:00Z", MetadataFormat::Tuf);
constexpr const char* kGun = "registry.example.com/org/app";

CertificateSpec spec_for(const std::string& kind) {
  CertificateWish wish;
  wish.kind = kind;
  wish.subject = {"O=Example", std::string("CN=") + kGun};
  wish.names = {"dns:example.com", "email:who@example.com", "uri:https://example.com/", "ip:192.0.2.1"};
  wish.purposes = {"codeSigning"};
  if (kind == "certificate") wish.not_after = "2060-11-28T12:00:00Z";
  return parse_certificate_wish(wish, kNow).value();
}

SignedCertificate make(const std::string& kind, KeyAlgorithm algorithm) {
  const TestKey& key = test_key(algorithm);
  const auto content = UnsignedCertificate::build(spec_for(kind), key.public_key()).value();
  const Bytes raw = key.sign(content.scheme(), content.to_be_signed());
  const auto made = content.finish(raw);
  REQUIRE(made);
  return *made;
}

Certificate read_certificate(const std::string& pem) {
  const Bio in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
}

// As "openssl x509 -text" prints it.
std::string printed(X509* certificate) {
  const Bio out(BIO_new(BIO_s_mem()));
  X509_print_ex(out.get(), certificate, XN_FLAG_RFC2253, 0);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

TEST_CASE("keys of every algorithm certify themselves") {
  for (const KeyAlgorithm algorithm : kAllAlgorithms) {
    CAPTURE(to_string(algorithm));
    const SignedCertificate made = make("certificate", algorithm);
    const Certificate read = read_certificate(made.pem);
    REQUIRE(read);
    CHECK(X509_verify(read.get(), X509_get0_pubkey(read.get())) == 1);
    CHECK(X509_get_version(read.get()) == 2);
    CHECK(X509_check_ca(read.get()) == 0);
    CHECK(X509_NAME_cmp(X509_get_subject_name(read.get()), X509_get_issuer_name(read.get())) == 0);
    CHECK(PublicKey::from_pem(made.pem).value() == test_key(algorithm).public_key());
    const std::string text = printed(read.get());
    for (const char* expected :
         {"Subject: CN=registry.example.com/org/app,O=Example", "Not Before: Nov 28 12:00:00 2026 GMT",
          "Not After : Nov 28 12:00:00 2060 GMT", "X509v3 Basic Constraints: critical\n", "CA:FALSE",
          "X509v3 Key Usage: critical\n", "Digital Signature", "X509v3 Extended Key Usage: \n",
          "Code Signing",
          "DNS:example.com, email:who@example.com, URI:https://example.com/, IP Address:192.0.2.1"})
      CHECK_THAT(text, Catch::Contains(expected));
    CHECK(made.fingerprint == sha256_hex(made.der));
    CHECK(made.pem.starts_with("-----BEGIN CERTIFICATE-----\n"));
    CHECK(made.pem.ends_with("\n-----END CERTIFICATE-----\n"));
  }
}

TEST_CASE("keys of every algorithm ask a CA for a certificate") {
  for (const KeyAlgorithm algorithm : kAllAlgorithms) {
    CAPTURE(to_string(algorithm));
    const SignedCertificate made = make("request", algorithm);
    const Bio in(BIO_new_mem_buf(made.pem.data(), static_cast<int>(made.pem.size())));
    const std::unique_ptr<X509_REQ, OpensslFree<X509_REQ_free>> read(
        PEM_read_bio_X509_REQ(in.get(), nullptr, nullptr, nullptr));
    REQUIRE(read);
    CHECK(X509_REQ_verify(read.get(), X509_REQ_get0_pubkey(read.get())) == 1);
    STACK_OF(X509_EXTENSION)* asked = X509_REQ_get_extensions(read.get());
    std::set<int> nids;
    for (int i = 0; i < sk_X509_EXTENSION_num(asked); ++i)
      nids.insert(OBJ_obj2nid(X509_EXTENSION_get_object(sk_X509_EXTENSION_value(asked, i))));
    sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
    CHECK(nids ==
          std::set<int>{NID_basic_constraints, NID_key_usage, NID_ext_key_usage, NID_subject_alt_name});
  }
}

TEST_CASE("what another key signed, or other bytes, is no certificate") {
  for (const KeyAlgorithm algorithm :
       {KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Rsa2048, KeyAlgorithm::Ed25519}) {
    for (const char* kind : {"certificate", "request"}) {
      CAPTURE(to_string(algorithm), kind);
      const TestKey& key = test_key(algorithm);
      const auto content = UnsignedCertificate::build(spec_for(kind), key.public_key()).value();
      const Bytes good = key.sign(content.scheme(), content.to_be_signed());
      CHECK(content.finish(good));
      CHECK_FALSE(content.finish(test_key(algorithm, 1).sign(content.scheme(), content.to_be_signed())));
      Bytes flipped = good;
      flipped[5] = static_cast<std::uint8_t>(flipped[5] ^ 1);
      CHECK_FALSE(content.finish(flipped));
      CHECK_FALSE(content.finish(Bytes()));
      CHECK_FALSE(content.finish(BytesView(good).first(good.size() - 1)));
      CHECK_FALSE(content.finish(key.sign(content.scheme(), as_bytes("other bytes"))));
    }
  }
}

TEST_CASE("what is signed can be read as nothing else") {
  const TestKey& key = test_key(KeyAlgorithm::EcdsaP256);
  const auto first = UnsignedCertificate::build(spec_for("certificate"), key.public_key()).value();
  const auto second = UnsignedCertificate::build(spec_for("certificate"), key.public_key()).value();
  // A DER SEQUENCE with a length of its own: no JSON, no note, and never twice the same.
  CHECK(first.to_be_signed()[0] == 0x30);
  CHECK((first.to_be_signed()[1] & 0x80) != 0);
  CHECK(first.to_be_signed() != second.to_be_signed());
  CHECK(first.serial() != second.serial());
  CHECK(first.serial().size() == 32);
  CHECK((from_hex(first.serial())->front() & 0x80) == 0);
  CHECK(UnsignedCertificate::build(spec_for("request"), key.public_key())->serial().empty());
}
