// Expiry times. Pure, thread safe.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "protocol/metadata.h"

namespace signet {

// TUF 1.0.x: exactly YYYY-MM-DDTHH:MM:SSZ. Notary: RFC 3339 as Go prints it, which may add a fraction of at
// most nine digits that does not end in 0 (it is cut off). Nothing for other spellings and for times that do
// not exist.
std::optional<std::chrono::sys_seconds> parse_expiry(std::string_view text, MetadataFormat format);

}  // namespace signet
