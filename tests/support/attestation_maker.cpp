#include "tests/support/attestation_maker.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <stdexcept>

#include "agent/attestation/attestation_certificate.h"

namespace signet::test {
namespace {

void need(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("OpenSSL did not ") + what);
}

void set_name(X509_NAME* name, const std::string& text) {
  need(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(text.data()),
                                  static_cast<int>(text.size()), -1, 0) == 1,
       "make a name");
}

void add(X509* certificate, const Extension& extension) {
  const std::shared_ptr<ASN1_OBJECT> object(OBJ_txt2obj(extension.first.c_str(), 1), ASN1_OBJECT_free);
  const std::shared_ptr<ASN1_OCTET_STRING> value(ASN1_OCTET_STRING_new(), ASN1_OCTET_STRING_free);
  need(ASN1_OCTET_STRING_set(value.get(), extension.second.data(),
                             static_cast<int>(extension.second.size())) == 1,
       "take an extension");
  const std::shared_ptr<X509_EXTENSION> made(
      X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, value.get()), X509_EXTENSION_free);
  need(X509_add_ext(certificate, made.get(), -1) == 1, "add an extension");
}

void add_ca(X509* certificate) {
  const std::shared_ptr<X509_EXTENSION> made(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE"), X509_EXTENSION_free);
  need(made && X509_add_ext(certificate, made.get(), -1) == 1, "make a CA");
}

TestCertificate make(const CertificateRequest& request, const X509* issuer, const TestKey& signer) {
  TestCertificate certificate(X509_new(), X509_free);
  static long serial = 1;
  X509_set_version(certificate.get(), request.version);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  set_name(X509_get_subject_name(certificate.get()), request.subject);
  if (issuer != nullptr)
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer));
  else
    set_name(X509_get_issuer_name(certificate.get()), request.subject);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), request.valid_from);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), request.valid_to);
  X509_set_pubkey(certificate.get(), request.key.get());
  if (request.ca) add_ca(certificate.get());
  for (const Extension& extension : request.extensions) add(certificate.get(), extension);
  need(X509_sign(certificate.get(), signer.get(), EVP_sha256()) != 0, "sign");
  return certificate;
}

CertificateRequest ca_request(const std::string& subject, const TestKey& key) {
  CertificateRequest request;
  request.subject = subject;
  request.key = key;
  request.ca = true;
  return request;
}

}  // namespace

TestKey make_p256_key() {
  TestKey key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  need(key != nullptr, "make a key");
  return key;
}

Bytes spki_of(const TestKey& key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  need(size > 0, "write a key");
  Bytes spki(der, der + size);
  OPENSSL_free(der);
  return spki;
}

TestKey key_of(const Bytes& spki) {
  const unsigned char* at = spki.data();
  TestKey key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())), EVP_PKEY_free);
  need(key != nullptr, "read a key");
  return key;
}

Bytes der_of(const TestCertificate& certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate.get(), &der);
  need(size > 0, "write a certificate");
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

std::string pem_of(const TestCertificate& certificate) {
  return certificate_to_pem(der_of(certificate));
}

std::vector<Extension> yubikey_extensions(Bytes firmware, Bytes serial, Bytes policies, Bytes form_factor) {
  return {{"1.3.6.1.4.1.41482.3.3", std::move(firmware)},
          {"1.3.6.1.4.1.41482.3.7", std::move(serial)},
          {"1.3.6.1.4.1.41482.3.8", std::move(policies)},
          {"1.3.6.1.4.1.41482.3.9", std::move(form_factor)}};
}

TestCertificate sign_certificate(const CertificateRequest& request, const TestCertificate& issuer,
                                 const TestKey& signer) {
  return make(request, issuer.get(), signer);
}

AttestationMaker::AttestationMaker() : root_key_(make_p256_key()), intermediate_key_(make_p256_key()) {
  root_ = make(ca_request("Signet test PIV root CA", root_key_), nullptr, root_key_);
  intermediate_ = make(ca_request("Yubico PIV Attestation", intermediate_key_), root_.get(), root_key_);
}

TestCertificate AttestationMaker::attest(const TestKey& key, std::vector<Extension> extensions) const {
  CertificateRequest request;
  request.subject = "YubiKey PIV Attestation 9c";
  request.key = key;
  request.extensions = std::move(extensions);
  return issue(request);
}

TestCertificate AttestationMaker::issue(const CertificateRequest& request) const {
  return make(request, intermediate_.get(), intermediate_key_);
}

TestCertificate AttestationMaker::issue_by_root(const CertificateRequest& request) const {
  return make(request, root_.get(), root_key_);
}

}  // namespace signet::test
