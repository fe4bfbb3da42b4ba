#include "agent/attestation/attestation_certificate.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>

#include "protocol/openssl_handles.h"

namespace signet {
namespace {

using Object = std::unique_ptr<ASN1_OBJECT, OpensslFree<ASN1_OBJECT_free>>;
using Integer = std::unique_ptr<ASN1_INTEGER, OpensslFree<ASN1_INTEGER_free>>;

// Below 1.3.6.1.4.1.41482.3.
constexpr const char* kFirmware = "1.3.6.1.4.1.41482.3.3";
constexpr const char* kSerial = "1.3.6.1.4.1.41482.3.7";
constexpr const char* kPolicies = "1.3.6.1.4.1.41482.3.8";
constexpr const char* kFormFactor = "1.3.6.1.4.1.41482.3.9";

Error malformed(const std::string& what) {
  return attestation_refused("malformed", "The attestation is refused: " + what +
                                              ". Export it again, with \"ykman piv keys attest\".");
}

Certificate decode(BytesView der) {
  if (der.empty() || der.size() > kMaxAttestationSize) return nullptr;
  const unsigned char* at = der.data();
  Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (!certificate) ERR_clear_error();
  if (certificate && at != der.data() + der.size()) return nullptr;
  return certificate;
}

// The content of an extension; empty: it is not there. An extension that is there twice could be read in two
// ways.
Result<std::optional<BytesView>> extension(const X509& certificate, const char* oid) {
  const Object object(OBJ_txt2obj(oid, 1));
  const int at = X509_get_ext_by_OBJ(&certificate, object.get(), -1);
  if (at < 0) return std::optional<BytesView>();
  if (X509_get_ext_by_OBJ(&certificate, object.get(), at) >= 0)
    return malformed("it has the extension " + std::string(oid) + " twice");
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(&certificate, at));
  return std::optional(
      BytesView(ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))));
}

Result<BytesView> required_extension(const X509& certificate, const char* oid, std::size_t size,
                                     const std::string& what) {
  const auto value = extension(certificate, oid);
  if (!value) return value.error();
  if (!value->has_value())
    return attestation_refused(
        "not-an-attestation", "The certificate is no attestation: it does not say the key's " + what +
                                  " (extension " + oid + "). Hand in what \"ykman piv keys attest\" writes.");
  if ((*value)->size() != size)
    return malformed("its extension " + std::string(oid) + " has " + std::to_string((*value)->size()) +
                     " bytes instead of " + std::to_string(size));
  return **value;
}

// A DER INTEGER from 0 to 2^32 - 1, and nothing behind it.
Result<std::optional<std::uint32_t>> read_serial(const X509& certificate) {
  const auto value = extension(certificate, kSerial);
  if (!value) return value.error();
  if (!value->has_value()) return std::optional<std::uint32_t>();
  const unsigned char* at = (*value)->data();
  const Integer integer(d2i_ASN1_INTEGER(nullptr, &at, static_cast<long>((*value)->size())));
  if (!integer) ERR_clear_error();
  std::uint64_t number = 0;
  const bool fits = integer && at == (*value)->data() + (*value)->size() &&
                    ASN1_INTEGER_get_uint64(&number, integer.get()) == 1 && number <= 0xffffffffU;
  ERR_clear_error();
  if (!fits) return malformed("its serial number is no number of a YubiKey");
  return std::optional(static_cast<std::uint32_t>(number));
}

Result<std::optional<std::uint8_t>> read_form_factor(const X509& certificate) {
  const auto value = extension(certificate, kFormFactor);
  if (!value) return value.error();
  if (!value->has_value()) return std::optional<std::uint8_t>();
  if ((*value)->size() != 1) return malformed("its form factor is not one byte");
  return std::optional((**value)[0]);
}

Result<void> read_policies(const X509& certificate, KeyAttestation& facts) {
  const auto value = required_extension(certificate, kPolicies, 2, "PIN and touch policy");
  if (!value) return value.error();
  const auto pin = static_cast<PinPolicy>((*value)[0]);
  const auto touch = static_cast<TouchPolicy>((*value)[1]);
  if (to_string(pin) == "unknown")
    return malformed("its PIN policy is " + std::to_string((*value)[0]) + ", which stands for nothing");
  if (to_string(touch) == "unknown")
    return malformed("its touch policy is " + std::to_string((*value)[1]) + ", which stands for nothing");
  facts.pin = pin;
  facts.touch = touch;
  return {};
}

Result<KeyAttestation> read_facts(const X509& certificate) {
  KeyAttestation facts;
  const auto firmware = required_extension(certificate, kFirmware, 3, "token's firmware");
  if (!firmware) return firmware.error();
  facts.firmware = {(*firmware)[0], (*firmware)[1], (*firmware)[2]};
  if (const auto read = read_policies(certificate, facts); !read) return read.error();
  const auto serial = read_serial(certificate);
  if (!serial) return serial.error();
  facts.serial = *serial;
  const auto form_factor = read_form_factor(certificate);
  if (!form_factor) return form_factor.error();
  facts.form_factor = *form_factor;
  return facts;
}

Result<PublicKey> public_key(const X509& certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(&certificate), &der);
  if (size <= 0) return malformed("its public key cannot be read");
  const Bytes spki(der, der + size);
  OPENSSL_free(der);
  auto key = PublicKey::from_spki(spki);
  if (key) return key;
  return attestation_refused("unsupported-key",
                             "The certificate's key is of no use here. " + key.error().message);
}

Bytes name_of(const X509_NAME* name) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_NAME(name, &der);
  if (size <= 0) return {};
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

}  // namespace

Error attestation_refused(std::string_view reason, std::string message) {
  boost::json::object parameters{{"why", "attestation-" + std::string(reason)}};
  return {ErrorName::KeyRefused, std::move(message), std::move(parameters)};
}

Result<AttestationCertificate> parse_attestation(BytesView der) {
  const Certificate certificate = decode(der);
  if (!certificate) return malformed("its bytes are no X.509 certificate");
  if (X509_get_version(certificate.get()) != X509_VERSION_3)
    return malformed("it is no certificate of version 3");
  auto facts = read_facts(*certificate);
  if (!facts) return facts.error();
  const auto key = public_key(*certificate);
  if (!key) return key.error();
  return AttestationCertificate{std::move(*facts), key->spki(), to_bytes(der)};
}

bool looks_like_attestation(BytesView der) {
  const Certificate certificate = decode(der);
  if (!certificate) return false;
  const Object object(OBJ_txt2obj(kPolicies, 1));
  return X509_get_ext_by_OBJ(certificate.get(), object.get(), -1) >= 0;
}

Result<CertificateNames> certificate_names(BytesView der) {
  const Certificate certificate = decode(der);
  if (!certificate) return malformed("a certificate of its chain is none");
  return CertificateNames{name_of(X509_get_subject_name(certificate.get())),
                          name_of(X509_get_issuer_name(certificate.get()))};
}

Result<PublicKey> certificate_public_key(BytesView der) {
  const Certificate certificate = decode(der);
  if (!certificate) return malformed("its bytes are no X.509 certificate");
  return public_key(*certificate);
}

Result<std::vector<Bytes>> certificates_from_pem(std::string_view pem) {
  const Bio input(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<Bytes> certificates;
  for (;;) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(input.get(), &name, &header, &data, &size) != 1) break;
    const std::string kind = name;
    Bytes der(data, data + size);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    if (kind != PEM_STRING_X509) continue;
    if (!decode(der)) return malformed("a certificate in the PEM text is none");
    if (certificates.size() == kMaxPemCertificates)
      return malformed("the PEM text has more than " + std::to_string(kMaxPemCertificates) + " certificates");
    certificates.push_back(std::move(der));
  }
  const unsigned long why = ERR_peek_last_error();
  ERR_clear_error();
  if (ERR_GET_REASON(why) != PEM_R_NO_START_LINE) return malformed("the PEM text is damaged");
  if (certificates.empty())
    return malformed("there is no certificate (\"BEGIN CERTIFICATE\") in the PEM text");
  return certificates;
}

std::string certificate_to_pem(BytesView der) {
  const Bio output(BIO_new(BIO_s_mem()));
  PEM_write_bio(output.get(), PEM_STRING_X509, "", der.data(), static_cast<long>(der.size()));
  char* text = nullptr;
  const long size = BIO_get_mem_data(output.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace signet
