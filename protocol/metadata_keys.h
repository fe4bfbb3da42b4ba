// Keys and roles inside metadata: the parts that root and the delegations of targets have in common. Used by
// metadata_parse.cpp and metadata_delegations.cpp only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "protocol/metadata.h"
#include "protocol/metadata_reader.h"

namespace signet {

using MetadataKeys = std::map<std::string, MetadataKey>;

// An object of key objects by key id.
MetadataKeys read_keys(const JsonNode& keys, MetadataFormat format, std::vector<std::string>& warnings);

// keyids and threshold of a role. Refuses one key twice, by key id or by public key.
RoleKeys read_role_keys(const JsonNode& role, const MetadataKeys& keys);

// Refuses (why "control-character") line feeds anywhere in a "signed" but in the keyval of a key: TUF writes
// PEM there.
void refuse_stray_line_feeds(const JsonNode& signed_node);

}  // namespace signet
