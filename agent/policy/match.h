// Whether a rule is for a request. Internal to agent/policy; pure.
#pragma once

#include <optional>
#include <string>

#include "agent/policy/decide.h"

namespace signet {

// Nothing if all selectors match; else the first one that does not, in a sentence: `role: the role is "root",
// and the rule is for "targets".`
std::optional<std::string> mismatch(const PolicyRule& rule, const PolicyRequest& request);

}  // namespace signet
