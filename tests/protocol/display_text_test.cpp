#include "protocol/display_text.h"

#include <catch2/catch.hpp>

using namespace signet;

TEST_CASE("an ordinary name stands as it is") {
  for (const char* name :
       {"app:1.2", "dir/file_3-x.tar.gz", "a+b~1", "targets/releases", "*.bin", "a@sha256:00"})
    CHECK(display_name(name) == name);
}

TEST_CASE("a name that could pass for our own words stands in quotes") {
  CHECK(display_name("app, expires 2099-01-01") == R"("app, expires 2099-01-01")");
  CHECK(display_name("app (changed)") == "\"app (changed)\"");
  CHECK(display_name("1 \u2192 2") == "\"1 \u2192 2\"");
  CHECK(display_name(R"(a", + b)") == R"("a\", + b")");
  CHECK(display_name(R"(a\u{202e})") == R"("a\\u{202e}")");
  CHECK(display_name("") == R"("")");
}

TEST_CASE("characters that nobody sees are shown by their numbers") {
  CHECK(display_name("a\nb\x1b[2J") == R"("a\u{a}b\u{1b}[2J")");
  CHECK(display_name("txt.\u202eexe") == R"("txt.\u{202e}exe")");
  CHECK(display_name("app\u200b") == R"("app\u{200b}")");
  CHECK(display_name("app\u00a0x\u3000") == R"("app\u{a0}x\u{3000}")");
  CHECK(display_name("a\U000e0041") == R"("a\u{e0041}")");
  CHECK(display_name("a\ufe0f\u2800\u3164") == R"("a\u{fe0f}\u{2800}\u{3164}")");
  CHECK(display_name("\xff\xc0\x80") == R"("\x{ff}\x{c0}\x{80}")");
  CHECK(display_name("schl\u00fcssel") == "\"schl\u00fcssel\"");  // a letter is a letter
}

TEST_CASE("every bidirectional, zero-width and control character is deceptive") {
  for (std::uint32_t c = 0; c < 0x20; ++c) CHECK(is_deceptive(c));
  for (std::uint32_t c = 0x7f; c <= 0xa0; ++c) CHECK(is_deceptive(c));
  for (const std::uint32_t c :
       {0xadU,   0x61cU,  0x200bU, 0x200cU,  0x200dU,  0x200eU, 0x200fU,  0x2028U, 0x2029U,
        0x202aU, 0x202bU, 0x202cU, 0x202dU,  0x202eU,  0x2060U, 0x2066U,  0x2067U, 0x2068U,
        0x2069U, 0xfeffU, 0x180eU, 0xe0001U, 0xe0100U, 0xffffU, 0x10ffffU})
    CHECK(is_deceptive(c));
  for (const std::uint32_t c :
       {0x20U, 0x41U, 0x7eU, 0xa1U, 0xe9U, 0x416U, 0x2192U, 0x2212U, 0x4e2dU, 0x1f511U})
    CHECK_FALSE(is_deceptive(c));
}

TEST_CASE("a long name is cut in its middle, at its limit and not before") {
  const std::string at_limit(60, 'a');
  CHECK(display_name(at_limit, 60) == at_limit);
  const std::string cut = display_name(at_limit + "END", 60);
  CHECK(cut == "\"" + std::string(40, 'a') + "\"…(3 more characters)…\"" + std::string(17, 'a') + "END\"");
  // Two long names that differ at the end only look different.
  CHECK(display_name(std::string(500, 'x') + "1", 60) != display_name(std::string(500, 'x') + "2", 60));
  // An escape is never cut apart.
  std::string controls;
  for (int i = 0; i < 100; ++i) controls += "\u202e";
  const std::string shown = display_name(controls, 60);
  CHECK(shown == R"("\u{202e}\u{202e}\u{202e}\u{202e}\u{202e}"…(93 more characters)…"\u{202e}\u{202e}")");
}

TEST_CASE("a text of words keeps its words and stays on one line") {
  CHECK(display_text("looks wrong, ask \"Bob\"", 100) == "looks wrong, ask \"Bob\"");
  CHECK(display_text("one\ntwo\u202e", 100) == R"(one\u{a}two\u{202e})");
  CHECK(display_text("12345", 5) == "12345");
  CHECK(display_text("123456", 5) == "12345…");
  CHECK(display_text("1234\u00fc6", 5) == "1234…");  // no half of a character
}
