#include "agent/pinentry/prompt_text.h"

#include <array>
#include <cstdio>

#include "protocol/json_text.h"

namespace signet {
namespace {

constexpr std::string_view kParagraph = "\n\n";
constexpr std::string_view kCut = "\n… (not all changes have room here)";

std::string harmless(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = next_code_point(text.substr(at));
    if (point.size == 0 || (is_control(point.value) && point.value != '\n'))
      out += '?';
    else if (point.value == '<')
      out += "\\u{3c}";
    else if (point.value == '&')
      out += "\\u{26}";
    else
      out += text.substr(at, point.size);
    at += point.size == 0 ? 1 : point.size;
  }
  return out;
}

// The longest beginning of `text` whose Assuan form has `room` bytes, in whole lines if there is one, else in
// whole characters.
std::string_view fitting(std::string_view text, std::size_t room) {
  std::size_t used = 0, end = 0, last_line = 0;
  while (end < text.size()) {
    const std::size_t size = next_code_point(text.substr(end)).size;
    const std::size_t cost = assuan_escaped(text.substr(end, size)).size();
    if (used + cost > room) break;
    if (text[end] == '\n') last_line = end;
    used += cost;
    end += size;
  }
  if (end == text.size()) return text;
  return text.substr(0, last_line != 0 ? last_line : end);
}

}  // namespace

std::string assuan_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != '%' && byte != 0x7f) {
      out += c;
      continue;
    }
    std::array<char, 4> escape{};
    std::snprintf(escape.data(), escape.size(), "%%%02X", static_cast<unsigned>(byte));
    out += escape.data();
  }
  return out;
}

std::string prompt_text(const ConfirmationPrompt& prompt) {
  const std::string footer = prompt.footer.empty() ? "" : std::string(kParagraph) + harmless(prompt.footer);
  std::string text(fitting(harmless(prompt.question), kMaxPromptSize / 2));
  const std::string end(fitting(footer, kMaxPromptSize / 4));
  const std::string details = harmless(prompt.details);
  if (details.empty()) return text + end;
  text += kParagraph;
  const std::size_t taken = assuan_escaped(text + end).size();
  if (taken + assuan_escaped(details).size() <= kMaxPromptSize) return text + details + end;
  text += fitting(details, kMaxPromptSize - taken - assuan_escaped(kCut).size());
  return text + std::string(kCut) + end;
}

}  // namespace signet
