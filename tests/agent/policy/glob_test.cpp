#include "agent/policy/glob.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <string>

#include "tests/support/result_printing.h"

using signet::Glob;

namespace {

struct Case {
  std::string pattern, name;
  bool matches;
};

bool matches(const std::string& pattern, const std::string& name) {
  const auto glob = Glob::parse(pattern);
  REQUIRE(glob);
  return glob->matches(name);
}

}  // namespace

TEST_CASE("a pattern matches the whole name") {
  const Case the = GENERATE(values<Case>({
      {"registry.example.com/org/app", "registry.example.com/org/app", true},
      {"registry.example.com/org/app", "registry.example.com/org/apps", false},
      {"registry.example.com/org/app", "registry.example.com/org/ap", false},
      {"registry.example.com/org/app", "Registry.example.com/org/app", false},
      {"registry.example.com/org/app", "registryxexample.com/org/app", false},
      // * stays within a part
      {"registry.example.com/*", "registry.example.com/app", true},
      {"registry.example.com/*", "registry.example.com/org/app", false},
      {"registry.example.com/*", "registry.example.com/", true},
      {"registry.example.com/*", "registry.example.com", false},
      {"registry.example.com/*/app", "registry.example.com/org/app", true},
      {"registry.example.com/*/app", "registry.example.com/org/team/app", false},
      {"*.example.com/app", "registry.example.com/app", true},
      {"*.example.com/app", "evil.com/x.example.com/app", false},
      {"*", "root", true},
      {"*", "", true},
      {"*", "a/b", false},
      // ** crosses parts
      {"registry.example.com/**", "registry.example.com/app", true},
      {"registry.example.com/**", "registry.example.com/org/app", true},
      {"registry.example.com/**", "registry.example.com", false},
      {"registry.example.com/**", "registry.example.com.evil.org/app", false},
      {"**/app", "a/b/app", true},
      {"**/app", "app", false},
      {"**", "a/b/c", true},
      {"**", "", true},
      {"a**z", "a/b/z", true},
      {"a***z", "a/b/z", true},
      {"a*b**c*d", "axb/y/cxd", true},
      {"a*b**c*d", "a/b/y/cxd", false},
      {"*a*b/**c", "xaxb/b/c", true},
      // ?
      {"bin-?", "bin-3", true},
      {"bin-?", "bin-", false},
      {"bin-?", "bin-34", false},
      {"a?b", "a/b", false},
      // escapes
      {"a\\*b", "a*b", true},
      {"a\\*b", "axb", false},
      {"a\\?b", "a?b", true},
      {"a\\\\b", "a\\b", true},
      {"\\**", "*x", true},
      {"\\**", "x*", false},
      {"a\\b", "ab", true},
      // what is special elsewhere is not here
      {"a[bc]", "ab", false},
      {"a[bc]", "a[bc]", true},
      {"a.c", "abc", false},
      {"{a,b}", "a", false},
  }));
  CAPTURE(the.pattern, the.name);
  CHECK(matches(the.pattern, the.name) == the.matches);
}

TEST_CASE("a bad pattern is refused") {
  CHECK_FALSE(Glob::parse(""));
  CHECK_FALSE(Glob::parse("a\\"));
  CHECK(Glob::parse("a\\\\"));
  CHECK(Glob::parse(std::string(signet::kMaxPatternSize, 'a')));
  CHECK_FALSE(Glob::parse(std::string(signet::kMaxPatternSize + 1, 'a')));
  std::string wildcards;
  for (std::size_t i = 0; i < signet::kMaxWildcards; ++i) wildcards += "*a";
  CHECK(Glob::parse(wildcards));
  CHECK_FALSE(Glob::parse(wildcards + "?"));
  CHECK(Glob::parse(wildcards + "\\?"));
}

// Against the definition, written the slow way: on all names and patterns over a small alphabet.
namespace {

bool slow(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  const auto run = [&](std::string_view rest, bool deep) {
    for (std::size_t taken = 0;; ++taken) {
      if (slow(rest, name.substr(taken))) return true;
      if (taken == name.size() || (!deep && name[taken] == '/')) return false;
    }
  };
  if (pattern.starts_with("**")) return run(pattern.substr(2), true);
  if (pattern.starts_with("*")) return run(pattern.substr(1), false);
  if (name.empty() || (pattern[0] == '?' ? name[0] == '/' : name[0] != pattern[0])) return false;
  return slow(pattern.substr(1), name.substr(1));
}

std::string spell(unsigned number, std::string_view alphabet) {
  std::string text;
  for (; number > 0; number /= static_cast<unsigned>(alphabet.size() + 1))
    if (const unsigned letter = number % static_cast<unsigned>(alphabet.size() + 1); letter > 0)
      text += alphabet[letter - 1];
  return text;
}

}  // namespace

TEST_CASE("matching is what its definition says") {
  std::size_t differences = 0, matched = 0, tries = 0;
  for (unsigned p = 1; p < 3125; ++p) {
    const std::string pattern = spell(p, "a/*?");
    const auto glob = Glob::parse(pattern.empty() ? "a" : pattern);
    REQUIRE(glob);
    for (unsigned n = 0; n < 81; ++n, ++tries) {
      const std::string name = spell(n, "a/");
      const bool expected = slow(glob->text(), name);
      matched += expected ? 1 : 0;
      if (glob->matches(name) != expected) ++differences;
    }
  }
  CHECK(differences == 0);
  CHECK(matched > tries / 20);
}

TEST_CASE("the worst pattern takes no long time") {
  std::string pattern;
  for (std::size_t i = 0; i < signet::kMaxWildcards; ++i) pattern += "**a";
  const auto glob = Glob::parse(pattern + "b");
  REQUIRE(glob);
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(glob->matches(std::string(10'000, 'a')));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
}
