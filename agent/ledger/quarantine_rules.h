// What the cause of a quarantine means. Pure.
#pragma once

#include <string_view>

namespace signet {

// Causes after which the records are those of another history (QuarantineCause::why): the log's name is not
// theirs any more, so it starts a branch. A restored backup alone is none: what lies outside tells whether
// the log had gone on.
constexpr bool loses_history(std::string_view why) {
  return why == "rollback" || why == "other-log";
}

// Causes that say only that an anchor cannot be asked: nothing is signed of the log meanwhile, and the
// quarantine is over when all anchors can be asked and agree. After the others, the roles' metadata has to be
// seen.
constexpr bool anchor_unasked(std::string_view why) {
  return why == "anchor-missing" || why == "anchor-unreadable" || why == "anchor-tampered";
}

}  // namespace signet
