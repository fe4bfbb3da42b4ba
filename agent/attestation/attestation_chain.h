// Whether an attestation is a YubiKey's: its chain, up to a root that the agent believes. Pure, thread safe.
#pragma once

#include <string>
#include <vector>

#include "agent/attestation/attestation_certificate.h"
#include "agent/attestation/attestation_roots.h"

namespace signet {

struct VerifiedAttestation {
  KeyAttestation facts;
  Bytes certificate;             // DER
  std::vector<Bytes> chain;      // DER: the intermediates from its issuer upwards, and the root at the end
  std::string root;              // the root's subject, for people: "CN=Yubico PIV Root CA Serial 263751"
  std::string root_fingerprint;  // SHA-256 of its DER, hex
};

// Verifies that `certificate` attests the key `spki`: X.509 path validation by OpenSSL, with the key's own
// issuer among `intermediates` (or the roots' own), signatures and validity times checked, every issuer a CA.
// KeyRefused without its key (why as parse_attestation, each with "attestation-" before it, and "other-key":
// it is of another key; "chain": no path to a root that is believed, or a signature or certificate on it is
// not good; "expired").
Result<VerifiedAttestation> verify_attestation(const AttestationRoots& roots, BytesView certificate,
                                               const std::vector<Bytes>& intermediates, BytesView spki);

// What of a token's certificates belongs to the attestation of the key `spki`: the certificate itself, and
// those that could be its issuers. Nothing: the token offers none for this key.
struct FoundAttestation {
  Bytes certificate;
  std::vector<Bytes> intermediates;
};
std::optional<FoundAttestation> find_attestation(const std::vector<Bytes>& certificates, BytesView spki);

}  // namespace signet
