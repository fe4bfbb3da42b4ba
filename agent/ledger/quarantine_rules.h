// What the cause of a quarantine means. Pure.
#pragma once

#include <string_view>

namespace signet {

// Causes after which the records are those of another history (QuarantineCause::why): the log's name is not
// theirs any more, so it starts a branch. The others say only that an anchor cannot be asked.
constexpr bool loses_history(std::string_view why) {
  return why == "rollback" || why == "other-log";
}

}  // namespace signet
