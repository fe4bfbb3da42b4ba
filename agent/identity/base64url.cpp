#include "agent/identity/base64url.h"

#include <cstdint>

namespace signet {
namespace {

// The six bits of a character; 64 for one that has none.
std::uint32_t sextet(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a') + 26;
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0') + 52;
  if (c == '-') return 62;
  return c == '_' ? 63 : 64;
}

}  // namespace

std::optional<WipedBuffer> from_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  WipedBuffer out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned count = 0;  // of bits that wait
  for (const char c : text) {
    const std::uint32_t six = sextet(c);
    if (six == 64) return std::nullopt;
    bits = (bits << 6U) | six;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>((bits >> count) & 0xffU));
    bits &= (1U << count) - 1;
  }
  if (bits != 0) return std::nullopt;
  return out;
}

}  // namespace signet
