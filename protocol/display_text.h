// Names that other people chose, made fit for a prompt or a terminal: whoever reads them must see what they
// are, and no name may pass for words of ours. Pure, thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace signet {

// What a longer name is cut to by default: its beginning and its end, with the number of bytes left out.
inline constexpr std::size_t kMaxDisplayName = 120;

// Characters that a reader cannot see or that change how others are shown: controls, bidirectional controls
// (Unicode TR 9), zero-width and filler characters, variation selectors, tags, line separators, spaces other
// than U+0020, private use and noncharacters.
bool is_deceptive(std::uint32_t code_point);

// A name as it stands if it consists of ASCII letters, digits and ._/:@+~^=%*?-[]{} only; else between double
// quotes, with \" and \\ escaped, deceptive characters as \u{202e} and bytes that are not UTF-8 as \x{ff}. So
// a comma, a space or an arrow never stands outside quotes. At most about `max_bytes`, which is 16 or more.
std::string display_name(std::string_view name, std::size_t max_bytes = kMaxDisplayName);

// Text of several words (a reason that a person gave): without the quotes, on one line; what display_name
// would escape is escaped, cut to `max_bytes` with "…".
std::string display_text(std::string_view text, std::size_t max_bytes);

}  // namespace signet
