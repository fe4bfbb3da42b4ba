// The strict reader of one Varlink frame's JSON.
#pragma once

#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "protocol/result.h"

namespace signet {

// One JSON value and nothing after it, all of it in `storage`. Refuses duplicate keys (Boost.JSON would let
// the last one win: two readers of one call must never see different parameters), nesting beyond
// kMaxFrameDepth, numbers beyond a double, invalid UTF-8. InvalidParameter (parameter "frame", or the key
// that stands twice) or LimitExceeded ("depth"). With make_secret_storage() the parser's dead stack is wiped,
// too.
Result<boost::json::value> parse_frame_json(std::string_view text, boost::json::storage_ptr storage);

}  // namespace signet
