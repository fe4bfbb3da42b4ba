// libFuzzer target: certificates and what shall stand in them. The first byte says what the rest is: a
// certificate as it stands on a token, a PEM text that is to be written there, or lines of a request for one
// (subject, alternative names, validity). What is taken must come out again as it went in.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/certificates/certificate_builder.h"
#include "agent/certificates/certificate_facts.h"
#include "agent/certificates/certificate_spec.h"

namespace {

using namespace signet;

void require(bool holds) {
  if (!holds) std::abort();
}

template <typename T>
void require_typed(const Result<T>& result) {
  if (result) return;
  require(result.error().name == ErrorName::InvalidParameter);
  require(result.error().parameters.contains("parameter") && !result.error().message.empty());
}

void try_certificate(BytesView der) {
  const auto facts = read_certificate(der);
  if (!facts) return;
  require(facts->fingerprint == sha256_hex(der));
  for (const std::string& name : {facts->subject, facts->issuer})
    require(name.find('\n') == std::string::npos && name.find('\x1b') == std::string::npos);
  const auto again = certificate_from_pem(facts->pem);
  require(again && *again == to_bytes(der));
}

void try_pem(std::string_view text) {
  const auto der = certificate_from_pem(text);
  require_typed(der);
  if (der) try_certificate(*der);
}

// Each line is a member: its first letter says which.
CertificateWish wish_of(std::string_view text) {
  CertificateWish wish;
  wish.kind = "request";
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string line(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty()) continue;
    const std::string value = line.substr(1);
    switch (line[0]) {
      case 's':
        wish.subject.push_back(value);
        break;
      case 'n':
        wish.names.push_back(value);
        break;
      case 'p':
        wish.purposes.push_back(value);
        break;
      case 'b':
        wish.not_before = value;
        break;
      case 'e':
        wish.not_after = value;
        wish.kind = "certificate";
        break;
      default:
        wish.kind = value;
    }
  }
  return wish;
}

const PublicKey& key() {
  // RFC 8410, section 10.1.
  static const PublicKey value = *PublicKey::from_pem(
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
      "-----END PUBLIC KEY-----\n");
  return value;
}

void try_wish(std::string_view text) {
  constexpr std::chrono::sys_seconds kNow{std::chrono::seconds(1'800'000'000)};
  const auto spec = parse_certificate_wish(wish_of(text), kNow);
  require_typed(spec);
  if (!spec) return;
  const auto content = UnsignedCertificate::build(*spec, key());
  require(content.has_value());
  require(!content->to_be_signed().empty());
  // No key's signature: it must not pass for one.
  require(!content->finish(Bytes(64, 7)).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const BytesView rest(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      try_certificate(rest);
      break;
    case 1:
      try_pem(as_text(rest));
      break;
    default:
      try_wish(as_text(rest));
  }
  return 0;
}
