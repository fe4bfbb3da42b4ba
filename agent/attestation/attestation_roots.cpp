#include "agent/attestation/attestation_roots.h"

#include "agent/attestation/attestation_certificate.h"
#include "agent/attestation/yubico_piv_ca.h"

namespace signet {

Result<void> add_roots(AttestationRoots& roots, std::string_view pem) {
  auto certificates = certificates_from_pem(pem);
  if (!certificates) return certificates.error();
  for (Bytes& der : *certificates) {
    const auto names = certificate_names(der);
    if (!names) return names.error();
    auto& list = names->subject == names->issuer ? roots.anchors : roots.intermediates;
    list.push_back(std::move(der));
  }
  return {};
}

const AttestationRoots& yubico_roots() {
  static const AttestationRoots roots = [] {
    AttestationRoots built_in;
    const auto added = add_roots(built_in, yubico_piv_ca());
    if (!added) throw_exception_from_error(added.error(), BOOST_CURRENT_LOCATION);
    return built_in;
  }();
  return roots;
}

}  // namespace signet
