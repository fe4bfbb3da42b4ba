#include "agent/certificates/certificate_subject.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>

#include <algorithm>
#include <array>

#include "protocol/display_text.h"
#include "protocol/json_text.h"

namespace signet {
namespace {

// The longest of RFC 5280's appendix A.1, but for CN: Notary has a repository's whole name there, whose
// longest is 255, and Go, which reads it, has no bound.
constexpr std::array<SubjectType, 8> kTypes{{{"C", NID_countryName, V_ASN1_PRINTABLESTRING, 2},
                                             {"ST", NID_stateOrProvinceName, V_ASN1_UTF8STRING, 128},
                                             {"L", NID_localityName, V_ASN1_UTF8STRING, 128},
                                             {"O", NID_organizationName, V_ASN1_UTF8STRING, 64},
                                             {"OU", NID_organizationalUnitName, V_ASN1_UTF8STRING, 64},
                                             {"CN", NID_commonName, V_ASN1_UTF8STRING, 255},
                                             {"DC", NID_domainComponent, V_ASN1_IA5STRING, 63},
                                             {"serialNumber", NID_serialNumber, V_ASN1_PRINTABLESTRING, 64}}};

Error refused(const std::string& why) {
  return {ErrorName::InvalidParameter, "The subject is refused: " + why + ".", {{"parameter", "subject"}}};
}

bool has_deceptive_character(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = next_code_point(text);
    if (point.size == 0 || is_deceptive(point.value)) return true;
    text.remove_prefix(point.size);
  }
  return false;
}

// X.680's PrintableString.
bool is_printable(std::string_view text) {
  static constexpr std::string_view kOthers = " '()+,-./:=?";
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

bool is_country(std::string_view text) {
  return text.size() == 2 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

Result<void> check_value(const SubjectType& type, std::string_view value) {
  const std::string of = std::string(type.name) + "=" + display_name(value);
  if (value.empty()) return refused(std::string(type.name) + " has no value");
  if (type.name == "C" && !is_country(value))
    return refused(of + ": a country is two capital letters (ISO 3166)");
  if (value.size() > type.max) return refused(of + " is longer than " + std::to_string(type.max) + " bytes");
  if (has_deceptive_character(value)) return refused(of + " has characters that nobody sees, or is no UTF-8");
  if (value.front() == ' ' || value.back() == ' ') return refused(of + " begins or ends with a blank");
  if (type.encoding == V_ASN1_PRINTABLESTRING && !is_printable(value))
    return refused(of + " has characters besides letters, digits, blanks and '()+,-./:=?");
  if (type.encoding == V_ASN1_IA5STRING &&
      !std::all_of(value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return refused(of + " has characters besides ASCII's");
  return {};
}

Result<SubjectAttribute> parse_attribute(std::string_view text) {
  const std::size_t equals = text.find('=');
  const SubjectType* const type =
      equals == std::string_view::npos ? nullptr : find_subject_type(text.substr(0, equals));
  if (type == nullptr)
    return refused(display_name(text) +
                   " is none of C=, ST=, L=, O=, OU=, CN=, DC= and serialNumber= with a value");
  const std::string_view value = text.substr(equals + 1);
  if (const auto fits = check_value(*type, value); !fits) return fits.error();
  SubjectAttribute attribute;
  attribute.type = type->name;
  attribute.value = value;
  return attribute;
}

}  // namespace

const SubjectType* find_subject_type(std::string_view name) {
  const auto* const found =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const SubjectType& type) { return type.name == name; });
  return found == kTypes.end() ? nullptr : found;
}

Result<CertificateSubject> parse_certificate_subject(const std::vector<std::string>& attributes) {
  if (attributes.empty()) return refused("it is empty: give at least CN=NAME");
  if (attributes.size() > kMaxSubjectAttributes)
    return refused("it has more than " + std::to_string(kMaxSubjectAttributes) + " attributes");
  CertificateSubject subject;
  for (const std::string& text : attributes) {
    auto attribute = parse_attribute(text);
    if (!attribute) return attribute.error();
    const bool named = std::any_of(subject.begin(), subject.end(),
                                   [](const SubjectAttribute& earlier) { return earlier.type == "CN"; });
    if (attribute->type == "CN" && named) return refused("it has two CNs, of which programs take either");
    subject.push_back(std::move(*attribute));
  }
  return subject;
}

std::string subject_text(const CertificateSubject& subject) {
  std::string text;
  for (const SubjectAttribute& attribute : subject)
    text += (text.empty() ? "" : ", ") + attribute.type + "=" + display_name(attribute.value, 255);
  return text;
}

}  // namespace signet
