#include "pkcs11/certificate_store.h"

#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace signet::host {

namespace {

// What PKCS #11 wants beside the certificate itself (2.40, section 4.6.3), DER.
struct CertificateNames {
  Bytes subject, issuer, serial;
};

template <typename T>
Bytes der_of(const T* object, int (*encode)(const T*, unsigned char**)) {
  unsigned char* der = nullptr;
  const int size = object == nullptr ? 0 : encode(object, &der);
  if (size <= 0) return {};
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

HostResult<CertificateNames> read_names(const Bytes& der) {
  if (der.size() > kMaxCertificate)
    return make_fault(FaultKind::Protocol,
                      "A certificate on a token has at most " + std::to_string(kMaxCertificate) + " bytes.");
  const unsigned char* at = der.data();
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      d2i_X509(nullptr, &at, static_cast<long>(der.size())), X509_free);
  if (!certificate || at != der.data() + der.size())
    return make_fault(FaultKind::Protocol, "This is no X.509 certificate.");
  CertificateNames names;
  names.subject = der_of<X509_NAME>(X509_get_subject_name(certificate.get()), i2d_X509_NAME);
  names.issuer = der_of<X509_NAME>(X509_get_issuer_name(certificate.get()), i2d_X509_NAME);
  names.serial = der_of<ASN1_INTEGER>(X509_get0_serialNumber(certificate.get()), i2d_ASN1_INTEGER);
  if (names.subject.empty() || names.issuer.empty() || names.serial.empty())
    return make_fault(FaultKind::Protocol, "The certificate's names cannot be read.");
  return names;
}

struct Found {
  CK_OBJECT_HANDLE handle = 0;
  Bytes der;
};

// ykcs11 shows a key's attestation as a certificate with the same CKA_ID. It is none that is stored, and
// destroying it takes the stored one.
bool is_attestation(const std::optional<Bytes>& label) {
  constexpr std::string_view kLabel = "X.509 Certificate for PIV Attestation";
  return label && as_text(*label).starts_with(kLabel);
}

HostResult<std::vector<Found>> certificates_of(const Session& session, Bytes id) {
  CK_OBJECT_CLASS klass = CKO_CERTIFICATE;
  std::array query = {attribute_of(CKA_CLASS, klass), attribute_of(CKA_ID, id)};
  const auto handles = session.find(query);
  if (!handles) return handles.error();
  std::vector<Found> all;
  for (const CK_OBJECT_HANDLE handle : *handles) {
    const auto label = session.attribute(handle, CKA_LABEL);
    if (!label) return label.error();
    if (is_attestation(*label)) continue;
    auto value = session.attribute(handle, CKA_VALUE);
    if (!value) return value.error();
    all.push_back({handle, value->value_or(Bytes())});
  }
  return all;
}

// ykcs11 2.2.0 refuses what it does not know: CKA_PRIVATE and others are left out.
HostResult<void> create(const Session& session, const StoreCertificateRequest& request,
                        CertificateNames names) {
  CK_OBJECT_CLASS klass = CKO_CERTIFICATE;
  CK_CERTIFICATE_TYPE type = CKC_X_509;
  CK_BBOOL yes = CK_TRUE;
  Bytes id = request.id, der = request.der;
  std::string label = request.label;
  std::array attributes = {attribute_of(CKA_CLASS, klass),
                           attribute_of(CKA_CERTIFICATE_TYPE, type),
                           attribute_of(CKA_TOKEN, yes),
                           attribute_of(CKA_ID, id),
                           attribute_of(CKA_LABEL, label),
                           attribute_of(CKA_SUBJECT, names.subject),
                           attribute_of(CKA_ISSUER, names.issuer),
                           attribute_of(CKA_SERIAL_NUMBER, names.serial),
                           attribute_of(CKA_VALUE, der)};
  CK_OBJECT_HANDLE made = 0;
  return session.module().call("C_CreateObject", &CK_FUNCTION_LIST::C_CreateObject, session.handle(),
                               attributes.data(), CK_ULONG{attributes.size()}, &made);
}

// After a new one was made. A PIV card has room for one in a slot: there the old one is gone already.
HostResult<void> keep_only(const Session& session, const StoreCertificateRequest& request) {
  const auto now = certificates_of(session, request.id);
  if (!now) return now.error();
  const auto is_new = [&](const Found& one) { return one.der == request.der; };
  if (std::ranges::none_of(*now, is_new))
    return make_fault(FaultKind::Attributes,
                      "The token does not give back the certificate that was written.");
  for (const Found& one : *now) {
    if (is_new(one)) continue;
    const auto gone = session.module().call("C_DestroyObject", &CK_FUNCTION_LIST::C_DestroyObject,
                                            session.handle(), CK_OBJECT_HANDLE{one.handle});
    if (!gone) return gone.error();
  }
  return {};
}

HostResult<void> write(const Session& session, const StoreCertificateRequest& request, CertificateNames names,
                       bool is_there) {
  if (!is_there) {
    auto made = create(session, request, std::move(names));
    if (!made) return made;
  }
  return keep_only(session, request);
}

HostResult<void> write_as_officer(Token& token, const Session& session,
                                  const StoreCertificateRequest& request, CertificateNames names,
                                  bool is_there) {
  auto in = token.login_officer(request.so_pin);
  if (!in) return in;
  const auto written = write(session, request, std::move(names), is_there);
  // The officer leaves whatever happened; the process ends soon in any case.
  const auto out = token.log_out_officer();
  return written ? out : written;
}

}  // namespace

HostResult<StoreCertificateReply> store_certificate(Token& token, const Session& session,
                                                    const StoreCertificateRequest& request) {
  auto names = read_names(request.der);
  if (!names) return names.error();
  const auto before = certificates_of(session, request.id);
  if (!before) return before.error();
  const auto is_same = [&](const Found& one) { return one.der == request.der; };
  const bool is_there = std::ranges::any_of(*before, is_same);
  const bool others = !std::ranges::all_of(*before, is_same);
  if (is_there && !others) return StoreCertificateReply{false};
  if (others && !request.replace)
    return make_fault(FaultKind::KeyExists, "The token has another certificate with this CKA_ID.");
  const auto written = request.so_pin.empty()
                           ? write(session, request, std::move(*names), is_there)
                           : write_as_officer(token, session, request, std::move(*names), is_there);
  if (!written) return written.error();
  return StoreCertificateReply{others};
}

}  // namespace signet::host
