// From a specification and a public key to the bytes that the key signs, and on to the certificate. OpenSSL
// writes the one and reads the other. Pure but for the serial number's random bits; thread safe.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/certificates/certificate_spec.h"
#include "protocol/bytes.h"
#include "protocol/public_key.h"
#include "protocol/signature.h"

namespace signet {

// A certificate, or a request: SHA-256 with P-256 and RSA (PKCS #1 v1.5), SHA-384 with P-384, Ed25519.
struct SignedCertificate {
  Bytes der;
  std::string pem;          // 64 columns, LF, a final newline: as Go writes it, which Notary compares
  std::string fingerprint;  // SHA-256 of der, hex
};

// Written by OpenSSL, still without its signature. Immutable.
//
// A certificate is what Notary's own are: version 3, a serial number of 127 random bits, and the extensions
// basicConstraints (no CA) and keyUsage (digitalSignature), both critical, extKeyUsage and subjectAltName if
// there are any. A request asks for the same extensions.
class UnsignedCertificate {
 public:
  // Internal: OpenSSL failed, for want of memory or random bits.
  static Result<UnsignedCertificate> build(const CertificateSpec& spec, const PublicKey& key);

  // What is to be signed: TBSCertificate (RFC 5280 section 4.1) or CertificationRequestInfo (RFC 2986 section
  // 4.1). Both are DER SEQUENCEs, so never a text, and never metadata, an approval or a checkpoint.
  const Bytes& to_be_signed() const { return to_be_signed_; }
  SignatureScheme scheme() const;
  const std::string& serial() const { return serial_; }  // hex; empty of a request

  // With a token's raw signature (r || s of ECDSA). Nothing if OpenSSL, having read the result anew, does not
  // find it to be signed by the key.
  std::optional<SignedCertificate> finish(BytesView raw) const;

 private:
  UnsignedCertificate(CertificateKind kind, PublicKey key) : kind_(kind), key_(std::move(key)) {}

  CertificateKind kind_;
  PublicKey key_;
  std::string serial_;
  Bytes to_be_signed_;
};

}  // namespace signet
