#include "agent/certificates/certificate_spec.h"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/display_text.h"
#include "protocol/metadata_time.h"

namespace signet {
namespace {

using std::chrono::sys_seconds;

constexpr std::array<std::pair<KeyPurpose, std::string_view>, 4> kPurposes{
    {{KeyPurpose::CodeSigning, "codeSigning"},
     {KeyPurpose::ClientAuth, "clientAuth"},
     {KeyPurpose::ServerAuth, "serverAuth"},
     {KeyPurpose::EmailProtection, "emailProtection"}}};

Error refused(std::string_view parameter, std::string message) {
  return {ErrorName::InvalidParameter, std::move(message), {{"parameter", parameter}}};
}

Result<CertificateKind> parse_kind(const std::string& text) {
  for (const CertificateKind kind : {CertificateKind::SelfSigned, CertificateKind::Request})
    if (text == to_string(kind)) return kind;
  return refused("kind", display_name(text) + " is neither \"certificate\" nor \"request\".");
}

Result<std::vector<AlternativeName>> parse_names(const std::vector<std::string>& texts) {
  if (texts.size() > kMaxAlternativeNames)
    return refused("names", "A certificate has at most " + std::to_string(kMaxAlternativeNames) + " names.");
  std::vector<AlternativeName> names;
  for (const std::string& text : texts) {
    auto name = parse_alternative_name(text);
    if (!name) return name.error();
    if (std::find(names.begin(), names.end(), *name) != names.end())
      return refused("names", "The name " + display_name(text) + " is given twice.");
    names.push_back(std::move(*name));
  }
  return names;
}

Result<std::vector<KeyPurpose>> parse_purposes(const std::vector<std::string>& texts) {
  std::vector<KeyPurpose> purposes;
  for (const std::string& text : texts) {
    const auto* const known =
        std::find_if(kPurposes.begin(), kPurposes.end(), [&](const auto& row) { return row.second == text; });
    if (known == kPurposes.end())
      return refused("purposes", display_name(text) +
                                     " is no purpose: use codeSigning, clientAuth, serverAuth or "
                                     "emailProtection.");
    if (std::find(purposes.begin(), purposes.end(), known->first) != purposes.end())
      return refused("purposes", "The purpose " + text + " is given twice.");
    purposes.push_back(known->first);
  }
  return purposes;
}

Result<std::optional<sys_seconds>> parse_time(std::string_view parameter,
                                              const std::optional<std::string>& text) {
  if (!text) return std::optional<sys_seconds>();
  const auto time = parse_expiry(*text, MetadataFormat::Tuf);
  if (!time)
    return refused(parameter, display_name(*text) + " is no time; write it as 2026-11-21T23:00:00Z.");
  return time;
}

Result<Validity> parse_validity(const CertificateWish& wish, sys_seconds now) {
  const auto begin = parse_time("notBefore", wish.not_before);
  if (!begin) return begin.error();
  const auto end = parse_time("notAfter", wish.not_after);
  if (!end) return end.error();
  if (!end->has_value()) return refused("notAfter", "Say until when the certificate is valid.");
  Validity validity;
  validity.not_before = begin->value_or(now);
  validity.not_after = **end;
  if (validity.not_after <= now)
    return refused("notAfter",
                   "The certificate would have expired already. Give a time that is yet to come.");
  if (validity.not_before >= validity.not_after)
    return refused("notBefore", "The certificate would end before it begins.");
  if (validity.not_after - validity.not_before > kMaxValidity)
    return refused("notAfter", "A certificate is valid for a hundred years at most.");
  return validity;
}

}  // namespace

std::string_view to_string(CertificateKind kind) {
  return kind == CertificateKind::SelfSigned ? "certificate" : "request";
}

std::string_view to_string(KeyPurpose purpose) {
  for (const auto& [known, name] : kPurposes)
    if (known == purpose) return name;
  return "";
}

Result<CertificateSpec> parse_certificate_wish(const CertificateWish& wish, sys_seconds now) {
  CertificateSpec spec;
  const auto kind = parse_kind(wish.kind);
  if (!kind) return kind.error();
  spec.kind = *kind;
  auto subject = parse_certificate_subject(wish.subject);
  if (!subject) return subject.error();
  spec.subject = std::move(*subject);
  auto names = parse_names(wish.names);
  if (!names) return names.error();
  spec.names = std::move(*names);
  auto purposes = parse_purposes(wish.purposes);
  if (!purposes) return purposes.error();
  spec.purposes = std::move(*purposes);
  if (spec.kind == CertificateKind::Request) {
    if (!wish.not_before && !wish.not_after) return spec;
    return refused(wish.not_after ? "notAfter" : "notBefore",
                   "A request has no validity: whoever issues the certificate decides on it.");
  }
  const auto validity = parse_validity(wish, now);
  if (!validity) return validity.error();
  spec.validity = *validity;
  return spec;
}

}  // namespace signet
