// Certificates that others made: what is read from a token, and what is handed in to be written to one. Pure,
// thread safe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/bytes.h"
#include "protocol/public_key.h"
#include "protocol/result.h"

namespace signet {

struct CertificateFacts {
  std::string subject, issuer;  // RFC 2253, fit for a prompt, cut to 512 bytes
  std::chrono::sys_seconds not_before, not_after;
  std::string pem;          // 64 columns, LF, a final newline
  std::string fingerprint;  // SHA-256 of the DER, hex
  PublicKey key;
};

// Nothing for bytes that are not exactly one X.509 certificate, or one over a key of an algorithm that Signet
// does not know. Its signature is not verified: whose it is, is not asked here.
std::optional<CertificateFacts> read_certificate(BytesView der);

// The DER of the one certificate in a PEM text; what stands around it is passed over, as "openssl x509 -text"
// writes it. InvalidParameter (certificate) for none, several, damaged ones, and for anything else in PEM
// beside it: nobody hands in a private key unnoticed.
Result<Bytes> certificate_from_pem(std::string_view pem);

}  // namespace signet
