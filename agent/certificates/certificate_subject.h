// The subject of a certificate: a distinguished name (X.501) of one attribute in each RDN. Pure, thread safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace signet {

inline constexpr std::size_t kMaxSubjectAttributes = 16;

struct SubjectAttribute {
  std::string type;   // C, ST, L, O, OU, CN, DC or serialNumber
  std::string value;  // UTF-8
  bool operator==(const SubjectAttribute&) const = default;
};

// In the certificate's order, the most general first ("C" … "CN").
using CertificateSubject = std::vector<SubjectAttribute>;

// How a type of attribute is written.
struct SubjectType {
  std::string_view name;
  int nid;          // OpenSSL's number
  int encoding;     // V_ASN1_…
  std::size_t max;  // bytes
};
// Null if there is no such type.
const SubjectType* find_subject_type(std::string_view name);

// "TYPE=VALUE" each. InvalidParameter(subject): another type, an empty or overlong value, characters that
// nobody sees, a CN twice, no attribute at all.
Result<CertificateSubject> parse_certificate_subject(const std::vector<std::string>& attributes);

// "C=DE, O=Example, CN=release", for people: names that deceive are shown as what they are.
std::string subject_text(const CertificateSubject& subject);

}  // namespace signet
