// The limits of a rule: which actions they are for, and whether they hold. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/policy/decide.h"
#include "agent/policy/policy.h"

namespace signet {

// A key of [[rule]] that selects, limits or asks for something which not every action has. A rule whose
// actions do not have it is a mistake: it would look stricter than it is.
struct RuleKey {
  std::string_view key;
  bool (*concerns)(const ActionFacts& facts);
  std::string_view lacks;  // what an action is without it: "has no expiry"
};
// Of the selectors: an action without the fact never matches the rule.
std::span<const RuleKey> selector_keys();
// Of the limits and the needs: for an action without the fact they could not hold.
std::span<const RuleKey> limit_keys();

// "adopt concerns no key (as 2 more of the rule's actions)": the first of the actions that `key` does not
// concern; empty if it concerns all of them.
std::string lacking_actions(const std::vector<Action>& actions, const RuleKey& key);

struct BrokenLimit {
  std::string key;       // "expires-at-most"
  std::string why;       // a clause: "the metadata expires in 45d, and at most 30d are allowed"
  bool unknown = false;  // the fact that it needs was not given
};
// Those of the rule's limits that do not hold. A limit whose fact is missing does not hold. A limit on what
// only one type of metadata has (targets, a root's keys) has nothing to say of another type.
std::vector<BrokenLimit> broken_limits(const PolicyLimits& limits, const PolicyRequest& request);

}  // namespace signet
