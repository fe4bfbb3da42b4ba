#include "agent/config/toml_guard.h"

#include <algorithm>

#include "protocol/json_text.h"

namespace signet {
namespace {

// Steps over one quoted string; `at` is on its opening quote, afterwards behind its closing one (or at the
// end).
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // The line of the first construct that nests too deep; 0 if there is none.
  std::size_t too_deep() {
    while (at_ < text_.size()) {
      step();
      if (depth_ > kMaxTomlNesting || dots_ > kMaxTomlNesting) return line_;
    }
    return 0;
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '"' || c == '\'') return skip_string(c);
    if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
      return;
    }
    ++at_;
    if (c == '[' || c == '{') ++depth_;
    if ((c == ']' || c == '}') && depth_ > 0) --depth_;
    if (c == '.') ++dots_;
    // A dotted key ends at its "=" or with its line; a number or a date has one dot only.
    if (c == '=' || c == ',' || c == '\n') dots_ = 0;
    if (c == '\n') ++line_;
  }

  void skip_string(char quote) {
    const std::string fence(3, quote);
    const bool multi_line = text_.substr(at_, 3) == fence;
    at_ += multi_line ? 3 : 1;
    while (at_ < text_.size()) {
      if (multi_line ? text_.substr(at_, 3) == fence : text_[at_] == quote) {
        at_ += multi_line ? 3 : 1;
        return;
      }
      if (!multi_line && text_[at_] == '\n') return;  // not closed: toml11 will say so
      if (quote == '"' && text_[at_] == '\\') ++at_;
      if (at_ < text_.size() && text_[at_] == '\n') ++line_;
      ++at_;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0, line_ = 1;
  int depth_ = 0, dots_ = 0;
};

// The line of the first byte that is no UTF-8; 0 if there is none.
std::size_t not_utf8(std::string_view text) {
  std::size_t line = 1;
  while (!text.empty()) {
    const CodePoint next = next_code_point(text);
    if (next.size == 0) return line;
    if (next.value == '\n') ++line;
    text.remove_prefix(next.size);
  }
  return 0;
}

}  // namespace

std::optional<ConfigMistake> check_toml_text(std::string_view text, const std::string& sample) {
  if (text.size() > kMaxTomlSize)
    return ConfigMistake{1, "",
                         "the file has " + std::to_string(text.size()) + " bytes. It may have at most " +
                             std::to_string(kMaxTomlSize) + "."};
  if (const std::size_t bad = not_utf8(text); bad != 0)
    return ConfigMistake{bad, "", "the line is not UTF-8, as all of TOML is. Save the file as UTF-8."};
  const std::size_t line = Scanner(text).too_deep();
  if (line == 0) return std::nullopt;
  return ConfigMistake{line, "",
                       "nested deeper than " + std::to_string(kMaxTomlNesting) +
                           " levels. No key needs that: see " + sample + "."};
}

}  // namespace signet
