// A policy: who may do what with which key in which role, within which limits. Values only. Read from TOML by
// parse_policy.h, applied by decide.h; docs/policy.md says what each key means.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/policy/action.h"
#include "agent/policy/glob.h"
#include "agent/policy/week_hours.h"
#include "protocol/key_attestation.h"
#include "protocol/public_key.h"

namespace signet {

// [[principal]]: one person who may approve. However many uids and keys they have, they count once: no uid
// and no key belongs to two principals.
struct PolicyPrincipal {
  std::string name;
  std::vector<uid_t> uids;
  std::vector<PublicKey> keys;
};

// [[issuer]]: who vouches for CI jobs by OpenID Connect ID tokens.
struct PolicyIssuer {
  std::string name;                    // how rules call it
  std::string issuer;                  // the token's "iss", compared exactly: https://token.actions.example
  std::filesystem::path jwks;          // absolute; a JWK set (RFC 7517), re-read when it changes
  std::vector<std::string> audiences;  // of tokens that are bound to a uid; empty: none is accepted but those
                                       // whose audience is "signet:<digest>"
  std::vector<std::string> algorithms;  // never empty; of kIssuerAlgorithms: a token with another is refused
  std::int64_t max_uses = 1;            // signatures asked for with one token, all by the uid of the first
  std::chrono::seconds skew{30};        // by which exp, nbf and iat may be off, 0 to 300
};
// Those that agent/identity verifies.
inline constexpr std::array<std::string_view, 9> kIssuerAlgorithms{
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"};

// Who a rule is for. Each selector that is given must match; one of the elements of its list is enough. An
// empty list is a selector that is not given.
struct WhoSelector {
  bool anyone = false;      // given instead of all others
  std::vector<uid_t> uids;  // "uid" and "user" in one
  std::vector<gid_t> gids;  // "gid" and "group" in one: the primary group or a supplementary one
  std::string issuer;       // PolicyIssuer::name; empty: a rule that asks for no token
  std::map<std::string, std::vector<Glob>> claims;  // every claim must match one of its patterns
};

// What a rule is for; as above.
struct WhatSelector {
  std::vector<Action> actions;            // never empty
  std::vector<Glob> keys;                 // key names...
  std::vector<std::string> fingerprints;  // ... or fingerprints: one selector, "key"
  std::vector<KeyAlgorithm> algorithms;
  // Of the key: tuf, message, digest, … A key with several uses matches what allows if all of them are here,
  // and what refuses if one is.
  std::vector<std::string> uses;
  std::vector<Glob> tokens;  // token label or serial number
  std::vector<Glob> repositories;
  std::vector<Glob> roles;
};

enum class Confirm { None, Person };

// What must hold besides. Each limit that is given must hold, or the request is refused.
struct PolicyLimits {
  std::optional<std::chrono::seconds> expires_at_least, expires_at_most;  // from now
  std::optional<std::int64_t> versions_per_hour;  // of one role, the one asked for too
  std::vector<WeekHours> hours;
  std::vector<Glob> target_paths;
  std::optional<std::int64_t> most_changed_targets;
  std::map<std::string, std::int64_t> least_threshold;  // by role
  std::optional<std::int64_t> least_root_keys;
  std::vector<KeyAlgorithm> refused_algorithms;
  bool attestation = false;  // the key must have one; each of the following asks for one too
  std::optional<FirmwareVersion> least_firmware;
  std::vector<TouchPolicy> touch_policies;
  std::vector<PinPolicy> pin_policies;
};

// What is needed besides, when the limits hold.
struct PolicyNeeds {
  std::int64_t approvals = 0;
  std::vector<std::string> approvers;  // PolicyPrincipal::name
  bool requester_may_approve = false;
  Confirm confirm = Confirm::None;
  std::optional<std::chrono::seconds> pin_cache;  // the longest that a PIN may be kept; zero: for one use
};

struct PolicyRule {
  std::string name;
  std::size_t line = 0;  // of its [[rule]]
  bool allow = true;     // effect = "refuse": false; limits and needs are then empty
  WhoSelector who;
  WhatSelector what;
  PolicyLimits limits;
  std::vector<std::string> shared_keys;  // names of keys that may serve several roles of one type
  PolicyNeeds needs;
};

struct Policy {
  std::vector<PolicyPrincipal> principals;
  std::vector<PolicyIssuer> issuers;
  std::vector<PolicyRule> rules;  // in order: the first that matches decides
  uid_t overflow_uid = 65534;     // refused before any rule
};

// Null for a name that is not there. Borrowed from `policy`.
const PolicyPrincipal* find_principal(const Policy& policy, std::string_view name);
const PolicyIssuer* find_issuer(const Policy& policy, std::string_view name);

}  // namespace signet
