// Reads the certificate by which a YubiKey says that it made a key: a pure function over bytes, thread safe.
// Whether the certificate is a YubiKey's at all is for attestation_chain.h.
#pragma once

#include "protocol/bytes.h"
#include "protocol/key_attestation.h"
#include "protocol/result.h"

namespace signet {

// No certificate of a YubiKey comes near.
inline constexpr std::size_t kMaxAttestationSize = 8 * 1024;

struct AttestationCertificate {
  KeyAttestation facts;
  Bytes spki;  // of the key that it is for: DER SubjectPublicKeyInfo as PublicKey has it
  Bytes der;
};

// KeyRefused without its key (why "attestation-malformed": no X.509 v3 certificate, bytes behind it, an
// extension twice, or with other content than its definition; "attestation-not-an-attestation": without the
// firmware or the policies; "unsupported-key").
Result<AttestationCertificate> parse_attestation(BytesView der);

// Whether these bytes are a certificate that has the extension with the policies: among a token's
// certificates, one that means to be an attestation.
bool looks_like_attestation(BytesView der);

// The subject and the issuer of a certificate, as DER names; KeyRefused(attestation-malformed).
struct CertificateNames {
  Bytes subject, issuer;
};
Result<CertificateNames> certificate_names(BytesView der);

// The public key of a certificate; KeyRefused(attestation-malformed, attestation-unsupported-key).
Result<PublicKey> certificate_public_key(BytesView der);

// All certificates of a PEM text, in order, as DER; other blocks are passed over.
// KeyRefused(attestation-malformed) for a block that is no certificate, none at all, or more than
// kMaxPemCertificates.
inline constexpr std::size_t kMaxPemCertificates = 64;
Result<std::vector<Bytes>> certificates_from_pem(std::string_view pem);

std::string certificate_to_pem(BytesView der);

Error attestation_refused(std::string_view reason, std::string message);

}  // namespace signet
