#include "agent/policy/glob.h"

#include <algorithm>

namespace signet {
namespace {

Error bad_pattern(const std::string& why) {
  return {ErrorName::InvalidParameter, why, {{"parameter", "pattern"}}};
}

}  // namespace

Result<Glob> Glob::parse(std::string_view pattern) {
  if (pattern.empty()) return bad_pattern("it is empty");
  if (pattern.size() > kMaxPatternSize)
    return bad_pattern("it has more than " + std::to_string(kMaxPatternSize) + " bytes");
  Glob glob(pattern);
  std::size_t wildcards = 0;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    Piece piece{Kind::Literal, pattern[at]};
    if (piece.literal == '\\') {
      if (++at == pattern.size()) return bad_pattern("it ends in a lone backslash");
      piece.literal = pattern[at];
    } else if (piece.literal == '?') {
      piece.kind = Kind::One;
    } else if (piece.literal == '*') {
      const bool deep = at + 1 < pattern.size() && pattern[at + 1] == '*';
      piece.kind = deep ? Kind::DeepRun : Kind::Run;
      if (deep) ++at;
    }
    if (piece.kind != Kind::Literal && ++wildcards > kMaxWildcards)
      return bad_pattern("it has more than " + std::to_string(kMaxWildcards) + " wildcards");
    glob.pieces_.push_back(piece);
  }
  return glob;
}

// All ways through the pattern at once: reached[i] says that pieces_[0, i) can have matched the name so far.
// So the time is at most name times pattern, whatever the pattern.
bool Glob::matches(std::string_view name) const {
  std::vector<char> reached(pieces_.size() + 1, 0), next(pieces_.size() + 1, 0);
  const auto is_run = [this](std::size_t i) {
    return pieces_[i].kind == Kind::Run || pieces_[i].kind == Kind::DeepRun;
  };
  const auto skip_empty_runs = [&](std::vector<char>& states) {
    for (std::size_t i = 0; i < pieces_.size(); ++i)
      if (states[i] != 0 && is_run(i)) states[i + 1] = 1;
  };
  reached[0] = 1;
  skip_empty_runs(reached);
  for (const char c : name) {
    std::fill(next.begin(), next.end(), 0);
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      if (reached[i] == 0) continue;
      const Piece& piece = pieces_[i];
      if (piece.kind == Kind::DeepRun || (piece.kind == Kind::Run && c != '/')) next[i] = 1;
      if (piece.kind == Kind::Literal && c == piece.literal) next[i + 1] = 1;
      if (piece.kind == Kind::One && c != '/') next[i + 1] = 1;
    }
    skip_empty_runs(next);
    reached.swap(next);
  }
  return reached[pieces_.size()] != 0;
}

}  // namespace signet
