// Canonical JSON as securesystemslib and Go's canonical/json write it: the bytes that TUF and Notary sign.
// UTF-8, no white space, object keys sorted by their UTF-8 bytes, only `\` and `"` escaped, integers only.
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace signet {

// Named limits of every JSON text that we read.
inline constexpr std::size_t kMaxJsonDepth = 16;
inline constexpr std::int64_t kMaxJsonInteger = 9007199254740992;  // 2^53: what every peer can hold

// Strict reading. MetadataInvalid, with `where` a byte offset ("@123") and `why` one of:
// syntax, duplicate-key, float, integer-range, invalid-utf8, lone-surrogate, control-character (in any
// string, escaped or raw, DEL included), non-bmp-key, depth, size, trailing-bytes, negative-zero.
Result<boost::json::value> parse_strict_json(std::string_view text, std::size_t max_size);

// The canonical form of a value that parse_strict_json accepted (MetadataInvalid otherwise).
Result<std::string> canonical_json(const boost::json::value& value);

}  // namespace signet
