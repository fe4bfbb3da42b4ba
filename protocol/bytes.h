// Bytes, and their two text forms. Pure functions, thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace signet {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

inline BytesView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(BytesView view) {
  return {view.begin(), view.end()};
}

// Lower-case hexadecimal, two digits a byte.
std::string to_hex(BytesView bytes);
// Accepts both cases; nothing for an odd length or another character.
std::optional<Bytes> from_hex(std::string_view text);

// RFC 4648 section 4, with padding, without line breaks.
std::string to_base64(BytesView bytes);
// Strict: nothing for white space, missing padding, other characters or non-zero trailing bits.
std::optional<Bytes> from_base64(std::string_view text);

}  // namespace signet
