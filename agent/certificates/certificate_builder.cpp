#include "agent/certificates/certificate_builder.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "protocol/openssl_handles.h"

namespace signet {
namespace {

using Request = std::unique_ptr<X509_REQ, OpensslFree<X509_REQ_free>>;
using Name = std::unique_ptr<X509_NAME, OpensslFree<X509_NAME_free>>;
using Algorithm = std::unique_ptr<X509_ALGOR, OpensslFree<X509_ALGOR_free>>;
using GeneralNames = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;
using Purposes = std::unique_ptr<EXTENDED_KEY_USAGE, OpensslFree<EXTENDED_KEY_USAGE_free>>;
using Constraints = std::unique_ptr<BASIC_CONSTRAINTS, OpensslFree<BASIC_CONSTRAINTS_free>>;
using BitString = std::unique_ptr<ASN1_BIT_STRING, OpensslFree<ASN1_BIT_STRING_free>>;
using Time = std::unique_ptr<ASN1_TIME, OpensslFree<ASN1_TIME_free>>;
using SerialNumber = std::unique_ptr<ASN1_INTEGER, OpensslFree<ASN1_INTEGER_free>>;

struct FreeExtensions {
  void operator()(STACK_OF(X509_EXTENSION) * all) const {
    sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
  }
};
using Extensions = std::unique_ptr<STACK_OF(X509_EXTENSION), FreeExtensions>;

constexpr int kSerialBits = 127;  // positive as a DER INTEGER of 16 bytes
constexpr int kVersion3 = 2;      // X.509 counts from 0
constexpr int kDigitalSignatureBit = 0;

EVP_PKEY* handle_of(const PublicKey& key) {
  return static_cast<EVP_PKEY*>(key.handle());
}

SignatureScheme scheme_of(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::EcdsaP256:
      return SignatureScheme::EcdsaSha256;
    case KeyAlgorithm::EcdsaP384:
      return SignatureScheme::EcdsaSha384;
    case KeyAlgorithm::Ed25519:
      return SignatureScheme::Ed25519;
    default:
      return SignatureScheme::RsaPkcs1Sha256;  // PSS is read by few who read certificates
  }
}

// RFC 3279, 4055, 5758, 8410: RSA's has NULL for parameters, the others have none.
bool set_algorithm(X509_ALGOR* algorithm, SignatureScheme scheme) {
  const bool rsa = scheme == SignatureScheme::RsaPkcs1Sha256;
  const int nid = rsa                                      ? NID_sha256WithRSAEncryption
                  : scheme == SignatureScheme::EcdsaSha256 ? NID_ecdsa_with_SHA256
                  : scheme == SignatureScheme::EcdsaSha384 ? NID_ecdsa_with_SHA384
                                                           : NID_ED25519;
  return X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), rsa ? V_ASN1_NULL : V_ASN1_UNDEF, nullptr) == 1;
}

Bytes der_of(auto* object, int (*encode)(decltype(object), unsigned char**)) {
  unsigned char* der = nullptr;
  const int size = encode(object, &der);
  if (size <= 0) return {};
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

bool fill_name(X509_NAME* name, const CertificateSubject& subject) {
  for (const SubjectAttribute& attribute : subject) {
    const SubjectType* const type = find_subject_type(attribute.type);
    const auto* const value = reinterpret_cast<const unsigned char*>(attribute.value.data());
    if (type == nullptr || X509_NAME_add_entry_by_NID(name, type->nid, type->encoding, value,
                                                      static_cast<int>(attribute.value.size()), -1, 0) != 1)
      return false;
  }
  return true;
}

bool add_extension(Extensions& extensions, int nid, void* value, bool critical) {
  STACK_OF(X509_EXTENSION)* all = extensions.release();
  const bool added = X509V3_add1_i2d(&all, nid, value, critical ? 1 : 0, X509V3_ADD_APPEND) == 1;
  extensions.reset(all);
  return added;
}

bool add_constraints(Extensions& extensions) {
  const Constraints constraints(BASIC_CONSTRAINTS_new());
  if (!constraints) return false;
  constraints->ca = 0;
  return add_extension(extensions, NID_basic_constraints, constraints.get(), true);
}

bool add_usage(Extensions& extensions) {
  const BitString usage(ASN1_BIT_STRING_new());
  return usage && ASN1_BIT_STRING_set_bit(usage.get(), kDigitalSignatureBit, 1) == 1 &&
         add_extension(extensions, NID_key_usage, usage.get(), true);
}

int purpose_nid(KeyPurpose purpose) {
  switch (purpose) {
    case KeyPurpose::CodeSigning:
      return NID_code_sign;
    case KeyPurpose::ClientAuth:
      return NID_client_auth;
    case KeyPurpose::ServerAuth:
      return NID_server_auth;
    case KeyPurpose::EmailProtection:
      break;
  }
  return NID_email_protect;
}

bool add_purposes(Extensions& extensions, const std::vector<KeyPurpose>& wanted) {
  if (wanted.empty()) return true;
  const Purposes purposes(sk_ASN1_OBJECT_new_null());
  if (!purposes) return false;
  for (const KeyPurpose purpose : wanted)
    if (sk_ASN1_OBJECT_push(purposes.get(), OBJ_nid2obj(purpose_nid(purpose))) <= 0) return false;
  return add_extension(extensions, NID_ext_key_usage, purposes.get(), false);
}

int general_name_type(AlternativeName::Kind kind) {
  switch (kind) {
    case AlternativeName::Kind::Dns:
      return GEN_DNS;
    case AlternativeName::Kind::Email:
      return GEN_EMAIL;
    case AlternativeName::Kind::Uri:
      return GEN_URI;
    case AlternativeName::Kind::Ip:
      break;
  }
  return GEN_IPADD;
}

bool add_name(GENERAL_NAMES* all, const AlternativeName& name) {
  const bool ip = name.kind == AlternativeName::Kind::Ip;
  const BytesView content = ip ? BytesView(name.address) : as_bytes(name.text);
  ASN1_STRING* const value = ASN1_STRING_type_new(ip ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
  GENERAL_NAME* const entry = GENERAL_NAME_new();
  if (value == nullptr || entry == nullptr ||
      ASN1_STRING_set(value, content.data(), static_cast<int>(content.size())) != 1) {
    ASN1_STRING_free(value);
    GENERAL_NAME_free(entry);
    return false;
  }
  GENERAL_NAME_set0_value(entry, general_name_type(name.kind), value);  // owns it now
  if (sk_GENERAL_NAME_push(all, entry) > 0) return true;
  GENERAL_NAME_free(entry);
  return false;
}

bool add_names(Extensions& extensions, const std::vector<AlternativeName>& wanted) {
  if (wanted.empty()) return true;
  const GeneralNames names(sk_GENERAL_NAME_new_null());
  if (!names) return false;
  for (const AlternativeName& name : wanted)
    if (!add_name(names.get(), name)) return false;
  return add_extension(extensions, NID_subject_alt_name, names.get(), false);
}

// Empty: OpenSSL failed.
Extensions make_extensions(const CertificateSpec& spec) {
  Extensions extensions;
  const bool made = add_constraints(extensions) && add_usage(extensions) &&
                    add_purposes(extensions, spec.purposes) && add_names(extensions, spec.names);
  if (!made) extensions.reset();
  return extensions;
}

BigNumber random_serial() {
  BigNumber number(BN_new());
  if (!number || BN_rand(number.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) != 1) number.reset();
  return number;
}

bool set_validity(X509* certificate, const Validity& validity) {
  const Time begin(ASN1_TIME_set(nullptr, validity.not_before.time_since_epoch().count()));
  const Time end(ASN1_TIME_set(nullptr, validity.not_after.time_since_epoch().count()));
  return begin && end && X509_set1_notBefore(certificate, begin.get()) == 1 &&
         X509_set1_notAfter(certificate, end.get()) == 1;
}

// TBSCertificate, or nothing.
Bytes certificate_content(const CertificateSpec& spec, const PublicKey& key, const BIGNUM* serial) {
  const Certificate certificate(X509_new());
  const Name name(X509_NAME_new());
  const SerialNumber number(BN_to_ASN1_INTEGER(serial, nullptr));
  const Extensions extensions = make_extensions(spec);
  if (!certificate || !name || !number || !extensions || !fill_name(name.get(), spec.subject)) return {};
  X509* const x = certificate.get();
  // There is no setter: X509_sign() alone sets it, and wants a private key. The object is ours and not const.
  auto* const algorithm = const_cast<X509_ALGOR*>(X509_get0_tbs_sigalg(x));
  const bool filled = X509_set_version(x, kVersion3) == 1 && X509_set_serialNumber(x, number.get()) == 1 &&
                      X509_set_subject_name(x, name.get()) == 1 && X509_set_issuer_name(x, name.get()) == 1 &&
                      set_validity(x, *spec.validity) && X509_set_pubkey(x, handle_of(key)) == 1 &&
                      set_algorithm(algorithm, scheme_of(key.algorithm()));
  if (!filled) return {};
  for (int i = 0; i < sk_X509_EXTENSION_num(extensions.get()); ++i)
    if (X509_add_ext(x, sk_X509_EXTENSION_value(extensions.get(), i), -1) != 1) return {};
  return der_of(x, i2d_re_X509_tbs);
}

// CertificationRequestInfo, or nothing.
Bytes request_content(const CertificateSpec& spec, const PublicKey& key) {
  const Request request(X509_REQ_new());
  const Name name(X509_NAME_new());
  const Extensions extensions = make_extensions(spec);
  if (!request || !name || !extensions || !fill_name(name.get(), spec.subject)) return {};
  X509_REQ* const x = request.get();
  const bool filled = X509_REQ_set_version(x, 0) == 1 && X509_REQ_set_subject_name(x, name.get()) == 1 &&
                      X509_REQ_set_pubkey(x, handle_of(key)) == 1 &&
                      X509_REQ_add_extensions(x, extensions.get()) == 1;
  if (!filled) return {};
  return der_of(x, i2d_re_X509_REQ_tbs);
}

void append_der(Bytes& out, std::uint8_t tag, BytesView content) {
  out.push_back(tag);
  if (content.size() < 0x80) {
    out.push_back(static_cast<std::uint8_t>(content.size()));
  } else {
    Bytes length;
    for (std::size_t rest = content.size(); rest != 0; rest >>= 8)
      length.insert(length.begin(), static_cast<std::uint8_t>(rest));
    out.push_back(static_cast<std::uint8_t>(0x80 | length.size()));
    out.insert(out.end(), length.begin(), length.end());
  }
  out.insert(out.end(), content.begin(), content.end());
}

// SEQUENCE { content, signatureAlgorithm, BIT STRING }: the shape of certificates and requests alike.
Bytes assemble(const Bytes& content, SignatureScheme scheme, BytesView signature) {
  constexpr std::uint8_t kSequence = 0x30, kBitString = 0x03;
  const Algorithm algorithm(X509_ALGOR_new());
  if (!algorithm || !set_algorithm(algorithm.get(), scheme)) return {};
  Bytes parts = content;
  const Bytes algorithm_der = der_of(static_cast<const X509_ALGOR*>(algorithm.get()), i2d_X509_ALGOR);
  parts.insert(parts.end(), algorithm_der.begin(), algorithm_der.end());
  Bytes bits{0};  // no unused bits
  bits.insert(bits.end(), signature.begin(), signature.end());
  append_der(parts, kBitString, bits);
  Bytes der;
  append_der(der, kSequence, parts);
  return der;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

// The PEM of what was read back and found to be signed by the key; empty otherwise.
std::string checked_certificate(const Bytes& der, EVP_PKEY* key) {
  const unsigned char* at = der.data();
  const Certificate read(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  const Bio out(BIO_new(BIO_s_mem()));
  const bool good = read && out && at == der.data() + der.size() && X509_verify(read.get(), key) == 1 &&
                    X509_check_purpose(read.get(), -1, 0) == 1 &&  // its extensions make sense
                    PEM_write_bio_X509(out.get(), read.get()) == 1;
  return good ? text_of(out.get()) : std::string();
}

std::string checked_request(const Bytes& der, EVP_PKEY* key) {
  const unsigned char* at = der.data();
  const Request read(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
  const Bio out(BIO_new(BIO_s_mem()));
  const bool good = read && out && at == der.data() + der.size() && X509_REQ_verify(read.get(), key) == 1 &&
                    PEM_write_bio_X509_REQ(out.get(), read.get()) == 1;
  return good ? text_of(out.get()) : std::string();
}

// How certificates carry a token's raw signature. Empty: it is none.
Bytes encoded_signature(SignatureScheme scheme, BytesView raw) {
  if (scheme != SignatureScheme::EcdsaSha256 && scheme != SignatureScheme::EcdsaSha384) return to_bytes(raw);
  const auto der = ecdsa_raw_to_der(raw);
  return der ? *der : Bytes();
}

}  // namespace

Result<UnsignedCertificate> UnsignedCertificate::build(const CertificateSpec& spec, const PublicKey& key) {
  UnsignedCertificate made(spec.kind, key);
  if (spec.kind == CertificateKind::Request) {
    made.to_be_signed_ = request_content(spec, key);
  } else if (const BigNumber serial = random_serial()) {
    Bytes bytes(static_cast<std::size_t>(BN_num_bytes(serial.get())));
    BN_bn2bin(serial.get(), bytes.data());
    made.serial_ = to_hex(bytes);
    made.to_be_signed_ = certificate_content(spec, key, serial.get());
  }
  if (made.to_be_signed_.empty())
    return Error{ErrorName::Internal,
                 "OpenSSL could not write the certificate. Is the machine out of memory?"};
  return made;
}

SignatureScheme UnsignedCertificate::scheme() const {
  return scheme_of(key_.algorithm());
}

std::optional<SignedCertificate> UnsignedCertificate::finish(BytesView raw) const {
  const Bytes signature = encoded_signature(scheme(), raw);
  SignedCertificate made;
  made.der = assemble(to_be_signed_, scheme(), signature);
  EVP_PKEY* const key = handle_of(key_);
  made.pem = kind_ == CertificateKind::SelfSigned ? checked_certificate(made.der, key)
                                                  : checked_request(made.der, key);
  if (made.pem.empty()) return std::nullopt;
  made.fingerprint = sha256_hex(made.der);
  return made;
}

}  // namespace signet
