// What "signet tuf sign" does with one file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/command/outcome.h"
#include "client/command/session.h"
#include "protocol/result.h"

namespace signet::client {

struct TufSignArguments {
  std::vector<std::string> files, keys;
  std::optional<std::string> repository, role, save_released, proof;
  bool dry_run = false, supersede = false, accept_lower_threshold = false, observe = false;
  bool wait = false, no_wait = false;
};

// Reads the file, has its "signed" signed, writes the signatures into it. Nothing is written where an error
// is returned, but the released bytes of a VersionConflict where --save-released asks for them.
Result<Outcome> sign_file(Session& session, const TufSignArguments& arguments, const std::string& file);

}  // namespace signet::client
