#include "agent/policy/parse_policy.h"

namespace signet {

std::string_view builtin_policy() {
  return R"(# The policy of a person's own agent that has no policy file. Only the person whom the agent runs as may connect.
# To change it, save it as ~/.config/signet/policy.toml, edit that, "signet policy check" it, and send the agent SIGHUP.
# The first rule that matches decides; what no rule allows is refused.

# A person confirms what reaches far: in a window of the agent's own, or with the touch that the key's token asks for.
[[rule]]
name = "own-root"
user = "@self"
action = "sign-metadata"
role = "root"
confirm = "person"

[[rule]]
name = "own-supersede"
user = "@self"
action = "supersede"
confirm = "person"

[[rule]]
name = "own-digest"
user = "@self"
action = "sign-message"
use = "digest"
confirm = "person"

[[rule]]
name = "own-new-key"
user = "@self"
action = ["generate", "enrol", "issue-certificate", "store-certificate"]
confirm = "person"

# Everything else: metadata of other roles, messages, repositories, tokens, approvals, the ledger.
[[rule]]
name = "own"
user = "@self"
action = ["sign-metadata", "sign-message", "retire", "adopt", "unlock", "approve", "read-ledger", "administer"]
)";
}

}  // namespace signet
