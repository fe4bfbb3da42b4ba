// The delegations of targets metadata. Used by metadata_parse.cpp only.
#pragma once

#include "protocol/metadata.h"
#include "protocol/metadata_reader.h"

namespace signet {

// Fills keys, delegations and succinct of `out`, whose format is set.
void read_delegations(const JsonNode& delegations, Signed& out);

}  // namespace signet
