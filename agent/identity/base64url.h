// base64url as JOSE has it (RFC 7515 appendix C): no padding. Pure, thread safe.
#pragma once

#include <optional>
#include <string_view>

#include "protocol/secret_json.h"

namespace signet {

// One text for each value: nothing for a character outside of RFC 4648 section 5, padding, white space, a
// cut group, or trailing bits that are not zero. Libraries are lax about these (cjose's decoder drops
// trailing bits), and two texts for one value would be two entries in a table of tokens that were used.
std::optional<WipedBuffer> from_base64url(std::string_view text);

}  // namespace signet
