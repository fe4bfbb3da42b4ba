// Getting and verifying what a token's maker says of a key that is to be enrolled.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "agent/attestation/attestation_chain.h"
#include "agent/service/state.h"
#include "agent/tokens/token_service.h"

namespace signet {

// What a caller handed in with a key: PEM.
struct AttestationOffer {
  std::optional<std::string> attestation;
  std::optional<std::string> intermediate;
};
// The parameters "attestation" and "intermediate". InvalidParameter.
Result<AttestationOffer> attestation_offer(const boost::json::object& parameters);

struct Attested {
  std::optional<VerifiedAttestation> verified;
  std::string why_not;              // for people, a sentence, where there is none
  std::optional<KeyPolicies> told;  // by the card itself, where there is none
};
// The verified attestation of the key (name: what it is to be called), or none where the token offers none.
// What the caller handed in must be good: KeyRefused. What the module offers by itself and is not good counts
// as none.
boost::asio::awaitable<Result<Attested>> attest_key(ServiceState& state, FoundKey key, std::string name,
                                                    AttestationOffer offer);

}  // namespace signet
