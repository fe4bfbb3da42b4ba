// Which roles start over because newly observed metadata replaced their keys (TUF 5.3.11, fast-forward
// recovery).
#pragma once

#include <string>
#include <vector>

#include "protocol/metadata.h"

namespace signet {

// Top-level roles (root apart) of a new root, or delegations of new targets metadata, whose old keys can no
// longer meet their old threshold: whoever drove the version up with those keys must not block the role for
// good. Sorted by name.
std::vector<std::string> replaced_roles(const Signed& before, const Signed& after);

}  // namespace signet
