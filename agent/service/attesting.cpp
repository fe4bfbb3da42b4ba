#include "agent/service/attesting.h"

#include <spdlog/spdlog.h>

#include "agent/service/parameters.h"

namespace signet {
namespace {

using boost::asio::awaitable;

Attested none(std::string why) {
  Attested attested;
  attested.why_not = std::move(why);
  return attested;
}

Result<Attested> verify(const AttestationRoots& roots, const Bytes& certificate,
                        const std::vector<Bytes>& intermediates, const Bytes& spki) {
  auto verified = verify_attestation(roots, certificate, intermediates, spki);
  if (!verified) return verified.error();
  Attested attested;
  attested.verified = std::move(*verified);
  return attested;
}

Result<Attested> verify_offer(const AttestationRoots& roots, const AttestationOffer& offer,
                              std::vector<Bytes> intermediates, const Bytes& spki) {
  auto certificates = certificates_from_pem(*offer.attestation);
  if (!certificates) return certificates.error();
  // A file may hold the whole chain: the first is the key's.
  intermediates.insert(intermediates.end(), certificates->begin() + 1, certificates->end());
  if (offer.intermediate) {
    const auto more = certificates_from_pem(*offer.intermediate);
    if (!more) return more.error();
    intermediates.insert(intermediates.end(), more->begin(), more->end());
  }
  return verify(roots, certificates->front(), intermediates, spki);
}

Result<Attested> with_key(Result<Attested> attested, const std::string& name) {
  if (attested) return attested;
  Error error = attested.error();
  error.parameters["key"] = name;
  return error;
}

// A good attestation, or why there is none.
awaitable<Result<Attested>> look_for_one(ServiceState& state, FoundKey key, std::string name,
                                         AttestationOffer offer) {
  const auto roots = state.settings.attestation_roots;
  if (offer.attestation && offer.intermediate)
    co_return with_key(verify_offer(*roots, offer, {}, key.spki), name);
  const auto certificates = co_await state.tokens.read_certificates(key.uri);
  if (offer.attestation) {
    // The issuer's certificate may be on the token.
    std::vector<Bytes> intermediates;
    if (certificates) intermediates = *certificates;
    co_return with_key(verify_offer(*roots, offer, std::move(intermediates), key.spki), name);
  }
  if (!certificates) {
    spdlog::warn("The certificates of token \"{}\" could not be read: {}", key.token_label,
                 certificates.error().message);
    co_return none("The token's certificates could not be read: " + certificates.error().message);
  }
  const auto found = find_attestation(*certificates, key.spki);
  if (!found)
    co_return none(
        "Its token's module offers none. Export one and hand it in with the key (--attestation and "
        "--intermediate).");
  auto verified = verify(*roots, found->certificate, found->intermediates, key.spki);
  if (verified) co_return verified;
  spdlog::warn("The attestation that token \"{}\" offers for {} is not used: {}", key.token_label, key.uri,
               verified.error().message);
  co_return none("That which its token offers is not used: " + verified.error().message);
}

}  // namespace

Result<AttestationOffer> attestation_offer(const boost::json::object& parameters) {
  AttestationOffer offer;
  auto attestation = optional_text(parameters, "attestation");
  if (!attestation) return attestation.error();
  auto intermediate = optional_text(parameters, "intermediate");
  if (!intermediate) return intermediate.error();
  if (*intermediate && !*attestation)
    return invalid_parameter("intermediate",
                             "The intermediate certificate goes with an attestation: hand in both, or none.");
  offer.attestation = std::move(*attestation);
  offer.intermediate = std::move(*intermediate);
  return offer;
}

awaitable<Result<Attested>> attest_key(ServiceState& state, FoundKey key, std::string name,
                                       AttestationOffer offer) {
  auto attested = co_await look_for_one(state, key, std::move(name), std::move(offer));
  if (attested && !attested->verified) attested->told = co_await state.tokens.policies(std::move(key));
  co_return attested;
}

}  // namespace signet
