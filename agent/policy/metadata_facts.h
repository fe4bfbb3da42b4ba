// What limits look at in metadata that is to be signed.
#pragma once

#include <string_view>

#include "agent/policy/decide.h"
#include "protocol/metadata.h"

namespace signet {

// previous: what was released or observed last of this role; null if nothing was, and then all targets and
// delegations count as changed. Everything but other_versions_last_hour, which the ledger knows. Of succinct
// roles the threshold is under "PREFIX-*". Pure, thread safe.
PolicyMetadata metadata_facts(std::string_view role, const Signed* previous, const Signed& next);

}  // namespace signet
