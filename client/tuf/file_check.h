// Checks metadata files that are given one by one against a trusted root.
#pragma once

#include <string>
#include <vector>

#include "client/tuf/check_report.h"
#include "client/tuf/root_chain.h"
#include "protocol/result.h"

namespace signet::client {

// Roots among `files` continue the chain of `anchor`, whatever their order; the others are judged by the
// newest root, and delegations by those of the files that delegate to them. Signatures, types and expiry:
// what a snapshot says about other files is for check_repository(). MetadataInvalid if the anchor is no sound
// root.
Result<CheckReport> check_files(LoadedFile anchor, std::vector<LoadedFile> files,
                                const CheckOptions& options);

}  // namespace signet::client
