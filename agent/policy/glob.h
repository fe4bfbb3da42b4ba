// Patterns for names that have parts between slashes: repositories, roles, target paths, key names, claims.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace signet {

inline constexpr std::size_t kMaxPatternSize = 1024;
inline constexpr std::size_t kMaxWildcards = 16;  // bounds the work of one match

//   *    any run of characters but "/", the empty one too
//   **   any run of characters, "/" too
//   ?    one character (byte) but "/"
//   \x   x itself, for a name with one of * ? \ in it
// Everything else stands for itself; the whole name must match, and case counts. So "registry.example.com/*"
// matches registry.example.com/app and not registry.example.com/org/app, and "registry.example.com/**" both,
// but not registry.example.com. A value; thread safe.
class Glob {
 public:
  // InvalidParameter for a pattern that is empty, above kMaxPatternSize, has more than kMaxWildcards
  // wildcards or ends in a lone backslash. The message is half a sentence: "it is empty".
  static Result<Glob> parse(std::string_view pattern);

  bool matches(std::string_view name) const;
  const std::string& text() const { return text_; }

 private:
  enum class Kind : unsigned char { Literal, One, Run, DeepRun };
  struct Piece {
    Kind kind = Kind::Literal;
    char literal = 0;
  };
  explicit Glob(std::string_view text) : text_(text) {}

  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace signet
