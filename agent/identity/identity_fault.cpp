#include "agent/identity/identity_fault.h"

#include <array>
#include <utility>

namespace signet {
namespace {

constexpr std::array<std::pair<IdentityFault, std::string_view>, 31> kReasons{{
    {IdentityFault::TooLarge, "too-large"},
    {IdentityFault::NotCompact, "not-compact"},
    {IdentityFault::Encoding, "encoding"},
    {IdentityFault::HeaderJson, "header-json"},
    {IdentityFault::ClaimsJson, "claims-json"},
    {IdentityFault::DuplicateKey, "duplicate-key"},
    {IdentityFault::AlgorithmNone, "algorithm-none"},
    {IdentityFault::SymmetricKey, "symmetric-key"},
    {IdentityFault::Algorithm, "algorithm"},
    {IdentityFault::EmbeddedKey, "embedded-key"},
    {IdentityFault::CriticalHeader, "critical-header"},
    {IdentityFault::TokenType, "token-type"},
    {IdentityFault::KeyIdMissing, "key-id-missing"},
    {IdentityFault::UnknownIssuer, "unknown-issuer"},
    {IdentityFault::KeysUnavailable, "keys-unavailable"},
    {IdentityFault::UnknownKey, "unknown-key"},
    {IdentityFault::KeyMismatch, "key-mismatch"},
    {IdentityFault::Signature, "signature"},
    {IdentityFault::ClaimMissing, "claim-missing"},
    {IdentityFault::ClaimType, "claim-type"},
    {IdentityFault::Audience, "audience"},
    {IdentityFault::SeveralAudiences, "several-audiences"},
    {IdentityFault::Expired, "expired"},
    {IdentityFault::NotYetValid, "not-yet-valid"},
    {IdentityFault::IssuedInTheFuture, "issued-in-the-future"},
    {IdentityFault::Lifetime, "lifetime"},
    {IdentityFault::OtherPayload, "other-payload"},
    {IdentityFault::NoPayload, "no-payload"},
    {IdentityFault::OtherUser, "other-user"},
    {IdentityFault::UsedUp, "used-up"},
    {IdentityFault::NotConfigured, "not-configured"},
}};

}  // namespace

std::string_view to_string(IdentityFault fault) {
  for (const auto& [known, reason] : kReasons)
    if (known == fault) return reason;
  return "signature";
}

Error identity_refused(IdentityFault fault, std::string message) {
  boost::json::object parameters{{"reason", to_string(fault)}};
  return {ErrorName::IdentityRefused, std::move(message), std::move(parameters)};
}

}  // namespace signet
