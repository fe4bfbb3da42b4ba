// The users and groups of this machine, as a policy and the agent's callers name them. Asks the system's name
// service (nsswitch.conf), which may block on a network: at start, at a reload and when somebody asks for an
// explanation, never on the way of a signature.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/policy/parse_policy.h"

namespace signet {

// `self` is the effective uid of this process; the overflow ids are the kernel's.
PolicyAccounts system_accounts();

struct Account {
  uid_t uid = 0;
  gid_t gid = static_cast<gid_t>(-1);  // of a number without an entry none
  std::vector<gid_t> groups;           // supplementary
};
// By name, or by number as "1000" or "uid:1000". A number need not have an entry; nothing for a name that is
// not known.
std::optional<Account> find_account(const std::string& user);

// The name of a uid; empty where it has none.
std::string account_name(uid_t uid);
// Whether `user`, as above, means this uid. Looks up the uid, never the name that somebody gave.
bool means_account(const std::string& user, uid_t uid);

}  // namespace signet
