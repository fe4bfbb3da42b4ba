// What a certificate, or a request for one, is to say: validated, and still without a key. Pure, thread safe.
//
// Never a CA: a key that signs metadata must not be able to vouch for others, and Notary wants a leaf.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/certificates/alternative_name.h"
#include "agent/certificates/certificate_subject.h"
#include "protocol/result.h"

namespace signet {

enum class CertificateKind { SelfSigned, Request };

// "certificate", "request".
std::string_view to_string(CertificateKind kind);

// What the certificate's key may be used for besides plain signing (RFC 5280 section 4.2.1.12).
enum class KeyPurpose { CodeSigning, ClientAuth, ServerAuth, EmailProtection };

// "codeSigning", "clientAuth", "serverAuth", "emailProtection".
std::string_view to_string(KeyPurpose purpose);

struct Validity {
  std::chrono::sys_seconds not_before, not_after;
};

// Nobody means a validity of more than a century; RFC 5280 has no time after 9999.
inline constexpr std::chrono::hours kMaxValidity = std::chrono::hours(24) * 36525;
inline constexpr std::size_t kMaxAlternativeNames = 100;

struct CertificateSpec {
  CertificateKind kind = CertificateKind::SelfSigned;
  CertificateSubject subject;
  std::vector<AlternativeName> names;  // subjectAltName
  std::vector<KeyPurpose> purposes;    // extKeyUsage; empty: not limited
  std::optional<Validity> validity;    // of a self-signed one; whoever issues a request's decides on theirs
};

// As a client gives it.
struct CertificateWish {
  std::string kind;
  std::vector<std::string> subject, names, purposes;
  std::optional<std::string> not_before, not_after;  // RFC 3339 in UTC
};

// InvalidParameter (kind, subject, names, purposes, notBefore, notAfter): each with what to write instead.
// A self-signed certificate has an end that lies ahead of `now`; its beginning is `now` unless it is given.
Result<CertificateSpec> parse_certificate_wish(const CertificateWish& wish, std::chrono::sys_seconds now);

}  // namespace signet
