// May this be done? A pure decision over values: no I/O, no clock of its own, thread safe.
#pragma once

#include <sys/types.h>

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/policy/policy.h"
#include "protocol/metadata.h"

namespace signet {

// A verified token of a CI job.
struct PolicyClaims {
  std::string issuer;          // PolicyIssuer::name
  boost::json::object claims;  // as they stand in the token
};

// Who asks. pid, unit and executable are no identity.
struct PolicyIdentity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary
  std::optional<PolicyClaims> claims;
};

struct PolicyKey {
  std::string name;
  std::string fingerprint;  // empty: the key is yet to be generated
  KeyAlgorithm algorithm = KeyAlgorithm::EcdsaP256;
  // What the request uses the key for: of a signature the one use that is made of it ("tuf", "message",
  // "digest", …); of generate and enrol the uses that it is to have; of retire those that it has.
  std::vector<std::string> uses;
  bool touch_required = false;  // its token asks for a touch at each signature
  // What its token's maker says of it, verified (of an enrolled key: when it was enrolled).
  std::optional<KeyAttestation> attestation;
  std::string no_attestation;  // where there is none: why, a sentence; empty: nobody knows
  // Generate, before there is a key: limits on the attestation are held when it is made.
  bool to_be_made = false;
};

struct PolicyToken {
  std::string label, serial;
};

// What the metadata that is to be signed says. Of a type that has the fact at all (a root has no targets) an
// absent one means "cannot be known", and a limit that needs it refuses.
struct PolicyMetadata {
  RoleType type = RoleType::Root;
  std::int64_t version = 0;
  // Of the roles that this metadata defines: a root's four, or the delegations of targets.
  std::optional<std::map<std::string, std::int64_t>> thresholds;
  std::optional<std::int64_t> root_keys;  // a root's: distinct public keys in the role root
  // Targets': paths added, removed or changed against what was signed or observed last; all, if nothing was.
  std::optional<std::vector<std::string>> changed_targets;
  std::optional<bool> delegations_changed;  // targets': keys, roles, paths, thresholds or order
  // Other versions of this repository and role that were released in the last hour.
  std::optional<std::int64_t> other_versions_last_hour;
};

// One request about one key (a SignMetadata for three keys is three). action.h says which facts an action
// has.
struct PolicyRequest {
  PolicyIdentity who;
  Action action = Action::SignMetadata;
  std::optional<PolicyKey> key;
  std::optional<PolicyToken> token;
  std::optional<std::string> repository, role;
  std::optional<PolicyMetadata> metadata;
  std::optional<std::chrono::sys_seconds> expires;  // of the metadata or the certificate
  std::chrono::sys_seconds now;
};

// What stands for a rule's name in a verdict where no rule decided; no [[rule]] can have these names.
inline constexpr std::string_view kNoRuleMatched = "no-rule-matched";
inline constexpr std::string_view kOverflowUid = "overflow-uid";
inline constexpr std::string_view kIncompleteRequest = "incomplete-request";

struct Verdict {
  bool allowed = false;              // once the approvals and the confirmation are there
  std::string rule;                  // the name of the rule that decided, or one of the above
  std::vector<std::string> broken;   // the limits that do not hold, as their TOML keys; empty where allowed
  std::vector<std::string> unknown;  // those of `broken` whose fact was not given
  // For people: what was decided, by which rule, and why; what to do next. Where decide() allows it is empty:
  // nobody would read it, and each signature would pay for it.
  std::string sentence;
  // Where allowed:
  bool shared_key = false;  // the rule lets this key serve several roles of one type
  PolicyNeeds needs;        // approvals, confirm and pin_cache still to be satisfied
  // needs.confirm was Person, and the touch that the key's token asks for is that confirmation: needs.confirm
  // is None.
  bool confirmed_by_touch = false;
};

// The first rule whose selectors all match decides; its limits hold, or the request is refused. No rule
// matched: refused.
Verdict decide(const Policy& policy, const PolicyRequest& request);

// What decide() did with each rule, in order.
struct RuleFinding {
  enum class Kind { NotMatched, Decided, NotReached };
  std::string rule;
  std::size_t line = 0;
  Kind kind = Kind::NotReached;
  std::string
      why;  // NotMatched: the first selector that did not, as a sentence; Decided: the verdict's sentence
};
struct Explanation {
  Verdict verdict;
  std::vector<RuleFinding> rules;
};
// Hypothetical: facts that the action needs and `request` lacks are not a reason to refuse it before any
// rule; a limit that needs one is broken and unknown.
enum class Facts { Complete, Hypothetical };
Explanation explain(const Policy& policy, const PolicyRequest& request, Facts facts = Facts::Complete);

}  // namespace signet
