// What the policy says of a plan to sign metadata: pure decisions over values.
#pragma once

#include <string>
#include <vector>

#include "agent/policy/decide.h"
#include "agent/service/metadata_plan.h"

namespace signet {

struct RefusedSigner {
  Signer signer;
  Error why;  // PolicyDenied
};

// The signers that the policy allows, and on what terms.
struct MetadataPermission {
  std::vector<Verdict> verdicts;  // of the allowed ones; two for each signer of a supersede
  std::vector<RefusedSigner> refused;
  std::vector<std::string> shared_keys;  // fingerprints of signers that may serve several roles of one type

  // The first verdict that asks for a person, or none.
  const Verdict* needs_person() const;
  // Those that ask for approvals: each rule once.
  std::vector<Verdict> needs_approvals() const;
  // The strictest rate of the rules that decided, or none.
  std::optional<VersionRate> rate(const Policy& policy) const;
  // The shortest time that one of them lets a PIN be kept, or none.
  std::optional<std::chrono::seconds> pin_cache() const;
  // The rules that decided, each once, in the order of the signers.
  std::vector<std::string> rules() const;
};

// The plan's facts in the policy's terms, but for the key.
PolicyRequest metadata_request(const SignMetadataCall& call, const MetadataPlan& plan, PolicyIdentity who,
                               std::chrono::sys_seconds now);

// Asks the policy about every signer and leaves those in the plan that it allows. A signer that the caller
// named, or the last one, that is refused is the call's error: PolicyDenied.
Result<MetadataPermission> judge_metadata(const Policy& policy, const SignMetadataCall& call,
                                          MetadataPlan& plan, const PolicyIdentity& who,
                                          std::chrono::sys_seconds now);

}  // namespace signet
