// Which role a metadata file is of, as people name such files. Pure functions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "protocol/metadata.h"
#include "protocol/result.h"

namespace signet::client {

// From the metadata's type and, for targets, the file's name: root, snapshot and timestamp have one role
// each; of type targets are "targets" and every delegation. "2.targets.json" and "targets.json" are "targets"
// where 2 is the version; "releases%2Fv1.json" is the delegation "releases/v1". Notary keeps hierarchical
// names in folders: "…/targets/releases.json" is "targets/releases". MetadataInvalid (why "role-name") if the
// name tells no role.
Result<std::string> role_of_file(const std::filesystem::path& file, const Signed& content);

// How a TUF repository names the file of a role: percent-encoded (RFC 3986 unreserved characters stay), with
// ".json".
std::string file_of_role(std::string_view role);

}  // namespace signet::client
