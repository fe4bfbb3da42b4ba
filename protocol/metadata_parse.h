// The step that parse_signed and parse_metadata_file share. Used by metadata_file.cpp only.
#pragma once

#include <boost/json/value.hpp>

#include "protocol/metadata.h"

namespace signet {

// Errors as parse_signed's, with `where` a JSON pointer below "signed".
Result<Signed> read_signed(const boost::json::value& value, MetadataFormat format);

}  // namespace signet
