#include "agent/certificates/alternative_name.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/display_text.h"

namespace signet {
namespace {

using Kind = AlternativeName::Kind;

constexpr std::size_t kMaxLabel = 63;      // RFC 1034 section 3.1
constexpr std::size_t kMaxLocalPart = 64;  // RFC 5321 section 4.5.3.1.1

constexpr std::array<std::pair<std::string_view, Kind>, 4> kPrefixes{
    {{"dns:", Kind::Dns}, {"email:", Kind::Email}, {"uri:", Kind::Uri}, {"ip:", Kind::Ip}}};

Error refused(std::string_view name, const std::string& why) {
  return {ErrorName::InvalidParameter,
          "The name " + display_name(name) + " cannot stand in a certificate: " + why + ".",
          {{"parameter", "names"}}};
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

// RFC 1123's host names; an internationalised one is given in its ASCII form, as RFC 5280 section 7.2 has it.
bool is_host(std::string_view host) {
  for (;;) {
    const std::size_t dot = host.find('.');
    if (!is_label(host.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

bool is_dns_name(std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  return is_host(name);
}

// RFC 5322's dot-atom: what people have, without quotes and comments.
bool is_email(std::string_view address) {
  static constexpr std::string_view kAtom = "!#$%&'*+-/=?^_`{|}~.";
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos || at == 0 || at > kMaxLocalPart) return false;
  const std::string_view local = address.substr(0, at);
  const bool atoms = std::all_of(local.begin(), local.end(), [](char c) {
    return is_letter_or_digit(c) || kAtom.find(c) != std::string_view::npos;
  });
  return atoms && local.front() != '.' && local.back() != '.' && local.find("..") == std::string_view::npos &&
         is_host(address.substr(at + 1));
}

// RFC 3986: a scheme, and only characters that a URI has; absolute, as RFC 5280 wants it.
bool is_uri(std::string_view uri) {
  static constexpr std::string_view kCharacters = "-._~:/?#[]@!$&'()*+,;=%";
  const std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == uri.size()) return false;
  const std::string_view scheme = uri.substr(0, colon);
  const bool scheme_fits = !(scheme.front() >= '0' && scheme.front() <= '9') &&
                           std::all_of(scheme.begin(), scheme.end(), [](char c) {
                             return is_letter_or_digit(c) || c == '+' || c == '-' || c == '.';
                           });
  return scheme_fits && std::all_of(uri.begin(), uri.end(), [](char c) {
           return is_letter_or_digit(c) || kCharacters.find(c) != std::string_view::npos;
         });
}

Bytes ip_address(const std::string& text) {
  Bytes address(16);
  if (::inet_pton(AF_INET6, text.c_str(), address.data()) == 1) return address;
  address.resize(4);
  if (::inet_pton(AF_INET, text.c_str(), address.data()) == 1) return address;
  return {};
}

std::string_view prefix_of(Kind kind) {
  for (const auto& [prefix, of] : kPrefixes)
    if (of == kind) return prefix;
  return "";
}

Result<AlternativeName> parse_value(Kind kind, std::string_view value, std::string_view whole) {
  AlternativeName name;
  name.kind = kind;
  name.text = value;
  switch (kind) {
    case Kind::Dns:
      if (is_dns_name(value)) return name;
      return refused(whole, "it is no host name in ASCII, with \"*.\" before it at most");
    case Kind::Email:
      if (is_email(value)) return name;
      return refused(whole, "it is no address like who@example.com");
    case Kind::Uri:
      if (is_uri(value)) return name;
      return refused(whole, "it is no absolute URI");
    case Kind::Ip:
      break;
  }
  name.address = ip_address(name.text);
  if (!name.address.empty()) return name;
  return refused(whole, "it is no IPv4 or IPv6 address");
}

}  // namespace

Result<AlternativeName> parse_alternative_name(std::string_view text) {
  for (const auto& [prefix, kind] : kPrefixes) {
    if (!text.starts_with(prefix)) continue;
    const std::string_view value = text.substr(prefix.size());
    if (value.size() > kMaxAlternativeName)
      return refused(text, "it has more than " + std::to_string(kMaxAlternativeName) + " bytes");
    return parse_value(kind, value, text);
  }
  return refused(text, "write it as dns:NAME, email:ADDRESS, uri:URI or ip:ADDRESS");
}

std::string to_string(const AlternativeName& name) {
  return std::string(prefix_of(name.kind)) + name.text;
}

}  // namespace signet
