// libFuzzer target: what a YubiKey (or whoever hands in a file) says of a key. The same bytes are read as a
// DER certificate, as PEM, and as one of a token's certificates; none of them may verify against Yubico's
// roots.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "agent/attestation/attestation_chain.h"

namespace {

using namespace signet;

void require(bool holds) {
  if (!holds) std::abort();
}

template <typename T>
void require_typed(const Result<T>& result) {
  if (result) return;
  require(result.error().name == ErrorName::KeyRefused);
  require(result.error().parameters.contains("why") && !result.error().message.empty());
}

void try_der(const Bytes& der) {
  const auto read = parse_attestation(der);
  require_typed(read);
  require_typed(certificate_names(der));
  require_typed(certificate_public_key(der));
  if (!read) return;
  require(looks_like_attestation(der) && read->der == der);
  require(to_string(read->facts.pin) != "unknown" && to_string(read->facts.touch) != "unknown");
  require(parse_firmware_version(to_string(read->facts.firmware)) == read->facts.firmware);
  require(PublicKey::from_spki(read->spki).has_value());
  const auto verified = verify_attestation(yubico_roots(), der, {der}, read->spki);
  require_typed(verified);
  // Nobody but Yubico signs what verifies: the seeds have no issuer with them.
  require(!verified.has_value());
  const auto found = find_attestation({der, {}, {0x30}}, read->spki);
  require(found && found->certificate == der);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView input(data, size);
  try_der(to_bytes(input));
  const auto pem = certificates_from_pem(as_text(input));
  require_typed(pem);
  if (!pem) return 0;
  for (const Bytes& der : *pem) {
    try_der(der);
    const auto again = certificates_from_pem(certificate_to_pem(der));
    require(again.has_value() && again->size() == 1 && again->front() == der);
  }
  return 0;
}
