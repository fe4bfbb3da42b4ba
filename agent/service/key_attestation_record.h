// The attestation of a key between its three forms: verified, in the ledger, on the wire. Pure.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "agent/attestation/attestation_chain.h"
#include "agent/ledger/ledger_types.h"
#include "agent/tokens/token_service.h"

namespace signet {

// For LedgerKey::evidence, as its member kAttestationMember. time: RFC 3339.
inline constexpr const char* kAttestationMember = "attestation";
boost::json::object to_ledger(const VerifiedAttestation& attestation, std::string time);

// What was verified when the key was enrolled; nothing for a key without.
std::optional<KeyAttestation> attestation_facts(const LedgerKey& key);

// For LedgerKey::evidence of a key without: what its card says by its own word, as the wire has it, and back.
void add_policies(boost::json::object& evidence, const KeyPolicies& told);
std::optional<KeyPolicies> told_policies(const LedgerKey& key);

// The wire's Attestation; null for a key without.
boost::json::value attestation_json(const LedgerKey& key);

// The certificate and the chain up to its root, as PEM: what AttestKey gives. Both empty for a key without.
struct AttestationPems {
  std::string certificate;
  std::vector<std::string> chain;
};
AttestationPems attestation_pems(const LedgerKey& key);

}  // namespace signet
