// How the protocol library reports what is wrong with a document, a key or a name. Pure, thread safe.
#pragma once

#include <string>
#include <string_view>

#include "protocol/result.h"

namespace signet {

// MetadataInvalid as the IDL declares it. where: a JSON pointer (RFC 6901) or a byte offset "@123", "" for
// the whole document; why: a short fixed identifier, e.g. "duplicate-key"; message: a whole sentence.
Error metadata_invalid(std::string_view where, std::string_view why, std::string message);

// One reference token of a JSON pointer with its leading "/": "~" and "/" escaped as RFC 6901 section 3 says.
std::string json_pointer_token(std::string_view member);

// `text` between double quotes for a message: control characters and bytes that are not UTF-8 become "?", and
// what is longer than 80 bytes is cut (a message must not carry a hostile document to somebody's terminal).
std::string quoted(std::string_view text);

}  // namespace signet
