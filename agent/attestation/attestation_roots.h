// Whose attestations this agent believes: Yubico's PIV roots, which it carries (yubico_piv_ca.pem says where
// they come from), and those that the configuration names besides.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/result.h"

namespace signet {

// Values; thread safe once built.
struct AttestationRoots {
  std::vector<Bytes> anchors;        // self-signed CA certificates, DER: trusted
  std::vector<Bytes> intermediates;  // other CA certificates: known, so that nobody has to hand them in
};

// Adds the certificates of a PEM text. KeyRefused(attestation-malformed).
Result<void> add_roots(AttestationRoots& roots, std::string_view pem);

// Yubico's alone.
const AttestationRoots& yubico_roots();

}  // namespace signet
