#include "protocol/display_text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "protocol/json_text.h"

namespace signet {
namespace {

struct Range {
  std::uint32_t first, last;
};

// Sorted. From the Unicode 15 character database: categories Cf, Zl, Zp, Zs (but U+0020), Co, and those of
// Default_Ignorable_Code_Point.
constexpr std::array kDeceptive = std::to_array<Range>({
    {0x0000, 0x001f},   {0x007f, 0x00a0},   {0x00ad, 0x00ad},   {0x034f, 0x034f},    {0x0600, 0x0605},
    {0x061c, 0x061c},   {0x06dd, 0x06dd},   {0x070f, 0x070f},   {0x0890, 0x0891},    {0x08e2, 0x08e2},
    {0x115f, 0x1160},   {0x1680, 0x1680},   {0x17b4, 0x17b5},   {0x180b, 0x180f},    {0x2000, 0x200f},
    {0x2028, 0x202f},   {0x205f, 0x206f},   {0x2800, 0x2800},   {0x3000, 0x3000},    {0x3164, 0x3164},
    {0xe000, 0xf8ff},   {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},    {0xffa0, 0xffa0},
    {0xfff0, 0xffff},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},  {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a}, {0x1fffe, 0x1ffff}, {0x2fffe, 0x2ffff}, {0x3fffe, 0x10ffff},
});

bool is_plain(unsigned char c) {
  constexpr std::string_view kMarks = "._/:@+~^=%*?-[]{}";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kMarks.find(static_cast<char>(c)) != std::string_view::npos;
}

std::string hexadecimal(char kind, std::uint32_t value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "\\%c{%x}", kind, static_cast<unsigned>(value));
  return text.data();
}

// One element for each character, as it is to be shown: a cut falls between two of them.
std::vector<std::string> characters(std::string_view text, bool quoting) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = next_code_point(text.substr(at));
    if (point.size == 0)
      out.push_back(hexadecimal('x', static_cast<unsigned char>(text[at])));
    else if (is_deceptive(point.value))
      out.push_back(hexadecimal('u', point.value));
    else if (text[at] == '\\' || (quoting && text[at] == '"'))
      out.push_back(std::string("\\") + text[at]);
    else
      out.emplace_back(text.substr(at, point.size));
    at += point.size == 0 ? 1 : point.size;
  }
  return out;
}

std::size_t total_size(const std::vector<std::string>& parts) {
  std::size_t size = 0;
  for (const std::string& part : parts) size += part.size();
  return size;
}

std::string join(const std::vector<std::string>& parts, std::size_t first, std::size_t last) {
  std::string out;
  for (std::size_t i = first; i < last; ++i) out += parts[i];
  return out;
}

// The beginning (two thirds) and the end: two names that differ at either end look different.
std::string cut_middle(const std::vector<std::string>& parts, std::size_t max_bytes, std::string_view quote) {
  const std::size_t room = max_bytes;
  std::size_t head = 0, tail = parts.size(), used = 0;
  while (head < tail && used + parts[head].size() <= room * 2 / 3) used += parts[head++].size();
  while (tail > head && used + parts[tail - 1].size() <= room) used += parts[--tail].size();
  if (head == tail) return std::string(quote) + join(parts, 0, parts.size()) + std::string(quote);
  std::string out = std::string(quote) + join(parts, 0, head) + std::string(quote);
  out += "…(" + std::to_string(tail - head) + " more characters)…";
  return out + std::string(quote) + join(parts, tail, parts.size()) + std::string(quote);
}

}  // namespace

bool is_deceptive(std::uint32_t code_point) {
  const auto* const after =
      std::upper_bound(kDeceptive.begin(), kDeceptive.end(), code_point,
                       [](std::uint32_t value, Range range) { return value < range.first; });
  return after != kDeceptive.begin() && code_point <= (after - 1)->last;
}

std::string display_name(std::string_view name, std::size_t max_bytes) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return is_plain(static_cast<unsigned char>(c));
  });
  if (plain && name.size() <= max_bytes) return std::string(name);
  return cut_middle(characters(name, true), max_bytes, "\"");
}

std::string display_text(std::string_view text, std::size_t max_bytes) {
  const std::vector<std::string> parts = characters(text, false);
  if (total_size(parts) <= max_bytes) return join(parts, 0, parts.size());
  std::size_t count = 0, used = 0;
  while (count < parts.size() && used + parts[count].size() <= max_bytes) used += parts[count++].size();
  return join(parts, 0, count) + "…";
}

}  // namespace signet
