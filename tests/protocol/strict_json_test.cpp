#include <catch2/catch.hpp>

#include "protocol/canonical_json.h"
#include "tests/protocol/test_documents.h"

using namespace signet;
using signet::test::verdict;

namespace {

constexpr std::size_t kMax = 1 << 20;

std::string strict(std::string_view text) {
  return verdict(parse_strict_json(text, kMax));
}
std::string canonical(std::string_view text) {
  return verdict(parse_canonical_json(text, kMax));
}
std::string form(std::string_view text) {
  return canonical_json(parse_strict_json(text, kMax).value()).value();
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

TEST_CASE("strict JSON accepts what RFC 8259 allows and every reader holds alike") {
  CHECK(form(" {\"b\" : [1, -2,true ,null]\t,\r\n \"a\":{} } ") == "{\"a\":{},\"b\":[1,-2,true,null]}");
  CHECK(form("\"\\\"\\\\\\/\\u00e9\\ud83d\\ude00\"") == "\"\\\"\\\\/\xc3\xa9\xf0\x9f\x98\x80\"");
  CHECK(form("9007199254740992") == "9007199254740992");
  CHECK(form("-9007199254740992") == "-9007199254740992");
  CHECK(form("0") == "0");
  CHECK(form("false") == "false");
  CHECK(form("{\"a\":{\"a\":1}}") == "{\"a\":{\"a\":1}}");
  CHECK(form("{\"\\u00e9\xe2\x82\xac\":1}") == "{\"\xc3\xa9\xe2\x82\xac\":1}");
  CHECK(
      form("[\"\xef\xbf\xbf\",\"\xf4\x8f\xbf\xbf\",\"\xed\x9f\xbf\",\"\xee\x80\x80\",\"\xc2\xa0\"]").size() ==
      31);
}

TEST_CASE("strict JSON refuses a key twice, however it is spelled and wherever it stands") {
  CHECK(strict("{\"a\":1,\"a\":1}") == "duplicate-key @7");
  CHECK(strict("{\"a\":1,\"\\u0061\":2}") == "duplicate-key @7");
  CHECK(strict("[{\"x\\\"y\":1, \"b\":{}, \"x\\\"y\":2}]") == "duplicate-key @20");
  CHECK(strict("{\"\":1,\"\":2}") == "duplicate-key @6");
  std::string many = "{";
  for (int i = 0; i < 1000; ++i) many += "\"key" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  CHECK(strict(many + "\"end\":0}") == "accepted");
  CHECK(strict(many + "\"key500\":0}") == "duplicate-key @" + std::to_string(many.size()));
}

TEST_CASE("strict JSON refuses numbers that are no integers within 2^53") {
  for (const char* number :
       {"1.0", "1.5", "1e3", "1E3", "1e400", "1e-400", "0.0", "-0.0", "9007199254740992.0"})
    CHECK(strict("[ " + std::string(number) + "]") == "float @2");
  for (const char* number : {"9007199254740993", "-9007199254740993", "9223372036854775807",
                             "9223372036854775808", "18446744073709551615", "18446744073709551616",
                             "-9223372036854775809", "123456789012345678901234567890"})
    CHECK(strict("[ " + std::string(number) + "]") == "integer-range @2");
  CHECK(strict("-0") == "negative-zero @0");
  CHECK(strict("{\"a\":-0}") == "negative-zero @5");
}

TEST_CASE("strict JSON refuses numbers that are no JSON") {
  for (const char* number :
       {"+1", "-", "1.", ".5", "1e", "0x", "NaN", "Infinity", "-Infinity", "--1", "-a"}) {
    CAPTURE(number);
    CHECK(strict("[" + std::string(number) + "]").starts_with("syntax @"));
  }
  CHECK(strict("[01]") == "syntax @2");
  CHECK(strict("01") == "trailing-bytes @1");
}

TEST_CASE("strict JSON refuses text that is not UTF-8") {
  const std::string_view bad[] = {
      "\x80",         "\xc0\xaf",         "\xc1\xbf",     "\xc3",     "\xc3(",
      "\xe0\x9f\xbf", "\xed\xa0\x80",     "\xed\xbf\xbf", "\xe2\x82", "\xf0\x8f\xbf\xbf",
      "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80",     "\xff",     "\xfe"};
  for (const std::string_view bytes : bad) {
    CAPTURE(bytes);
    CHECK(strict("{\"a\":\"" + std::string(bytes) + "\"}") == "invalid-utf8 @6");
    CHECK(strict("{\"" + std::string(bytes) + "\":1}") == "invalid-utf8 @2");
  }
  CHECK(strict("\xef\xbb\xbf{}") == "syntax @0");  // a byte order mark
}

TEST_CASE("strict JSON refuses half a surrogate pair") {
  for (const char* half : {"\\ud800", "\\uDBFF", "\\udc00", "\\uDFFF", "\\ud83dx", "\\ud83d\\n",
                           "\\ud83d\\u0041", "\\ud83d\\ud83d", "\\ude00\\ud83d"}) {
    CAPTURE(half);
    CHECK(strict("[\"" + std::string(half) + "\"]") == "lone-surrogate @2");
    CHECK(strict("{\"" + std::string(half) + "\":1}") == "lone-surrogate @2");
  }
}

TEST_CASE("strict JSON refuses control characters, raw and escaped") {
  for (const char* control :
       {"\x01", "\x1f", "\t", "\r", "\n", "\x7f", "\xc2\x80", "\xc2\x9f", "\\t", "\\r", "\\b", "\\f",
        "\\u0000", "\\u0009", "\\u001F", "\\u007f", "\\u0080", "\\u009f"}) {
    CAPTURE(control);
    CHECK(strict("{\"a\":\"x" + std::string(control) + "\"}") == "control-character @7");
    CHECK(strict("{\"x" + std::string(control) + "\":1}") == "control-character @3");
  }
  CHECK(strict(std::string_view("[\"\0\"]", 5)) == "control-character @2");
}

TEST_CASE("strict JSON takes an escaped line feed in a value, and in a value only") {
  CHECK(form("[\"a\\nb\"]") == "[\"a\nb\"]");
  CHECK(form("[\"a\\u000ab\"]") == "[\"a\nb\"]");
  CHECK(strict("{\"a\\nb\":1}") == "control-character @1");
  CHECK(strict("{\"a\\u000Ab\":1}") == "control-character @1");
}

TEST_CASE("strict JSON refuses characters above U+FFFF in keys") {
  CHECK(strict("{\"x\":1,\"\xf0\x90\x80\x80\":1}") == "non-bmp-key @7");
  CHECK(strict("{\"x\":1,\"y\\ud83d\\ude00\":1}") == "non-bmp-key @7");
  CHECK(strict("{\"\xef\xbf\xbf\":\"\xf0\x9f\x98\x80\"}") == "accepted");
}

TEST_CASE("strict JSON is at most 16 deep") {
  CHECK(strict(nested(16)) == "accepted");
  CHECK(strict(nested(17)) == "depth @16");
  std::string objects;
  for (int i = 0; i < 16; ++i) objects += "{\"a\":";
  CHECK(strict(objects + "1" + std::string(16, '}')) == "accepted");
  CHECK(strict(objects + "[]" + std::string(16, '}')) == "depth @80");
  CHECK(strict(std::string(100000, '[')) == "depth @16");
}

TEST_CASE("strict JSON is at most as long as the caller says") {
  CHECK(verdict(parse_strict_json("[12]", 4)) == "accepted");
  CHECK(verdict(parse_strict_json("[123]", 4)) == "size @4");
  CHECK(verdict(parse_canonical_json("[123]", 4)) == "size @4");
}

TEST_CASE("strict JSON refuses what follows the document, and what is no document") {
  CHECK(strict("{} x") == "trailing-bytes @3");
  CHECK(strict("1 2") == "trailing-bytes @2");
  CHECK(strict("{}{}") == "trailing-bytes @2");
  CHECK(strict(std::string_view("{}\0", 3)) == "trailing-bytes @2");
  for (const char* text :
       {"",           " ",     "{",     "[",   "[1",      "[1,",     "[1,]",      "{\"a\"}",     "{\"a\":}",
        "{\"a\":1,}", "{a:1}", "'a'",   "\"a", "\"\\",    "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "tru",
        "nul",        "True",  "[1 2]", "]",   "// x\n1", "/* */1",  "\\\"a\""}) {
    CAPTURE(text);
    CHECK(strict(text).starts_with("syntax @"));
    CHECK(canonical(text).substr(0, 3) != "acc");
  }
}

TEST_CASE("canonical JSON reads its own form only, and says where another begins") {
  CHECK(canonical("{\"a\":[1,\"x\"],\"b\":null}") == "accepted");
  CHECK(canonical("{\"a\": 1}") == "not-canonical @5");
  CHECK(canonical("{\"b\":1,\"a\":2}") == "not-canonical @2");
  CHECK(canonical("[\"\\u0041\"]") == "not-canonical @2");
  CHECK(canonical("[\"\\/\"]") == "not-canonical @2");
  CHECK(canonical("[1]\n") == "not-canonical @3");
  CHECK(canonical("[1] ") == "not-canonical @3");
  CHECK(canonical("\n[1]") == "not-canonical @0");
  CHECK(canonical("{\"a\":1\n}") == "not-canonical @6");
  CHECK(canonical("[1\n2]") == "not-canonical @2");
  CHECK(canonical("[0\n]") == "not-canonical @2");
}

TEST_CASE("canonical JSON holds line feeds raw, in values only") {
  const auto value = parse_canonical_json("{\"a\":\"\n1\n\n2\n\",\"b\":\"x\"}", kMax);
  REQUIRE(value);
  CHECK(value->at("a").as_string() == "\n1\n\n2\n");
  CHECK(canonical("[\"a\\nb\"]") == "not-canonical @3");
  CHECK(canonical("{\"a\nb\":1}") == "control-character @1");
  CHECK(canonical("[\"a\rb\"]") == "control-character @3");
  CHECK(canonical("[\"a\\\nb\"]") == "control-character @3");
  CHECK(canonical("[\"a\\u00\n0a\"]").starts_with("syntax"));
  CHECK(canonical("{\"a\":\"x\ny\",\"a\":\"x\ny\"}") == "duplicate-key @11");
  CHECK(canonical("{\"a\":\"x\ny\",\"b\":1.5}") == "float @15");
  CHECK(canonical("[\"\n") == "syntax @3");
}

TEST_CASE("a refusal is a sentence that does not repeat the document") {
  const auto value = parse_strict_json("{\"secret-looking\x01\":1}", kMax);
  REQUIRE_FALSE(value);
  CHECK(value.error().name == ErrorName::MetadataInvalid);
  CHECK(value.error().message ==
        "The JSON document is refused at byte 16: a string holds a control character (raw or escaped). "
        "Remove it.");
}

TEST_CASE("16 MiB of targets are read and written") {
  std::string text = "{\"targets\":{";
  for (int i = 0; text.size() < 16 * 1024 * 1024 - 400; ++i) {
    if (i > 0) text += ",";
    text += "\"packages/" + std::to_string(i) + "/file.tar.gz\":{\"hashes\":{\"sha256\":\"" +
            std::string(64, 'a') + "\"},\"length\":" + std::to_string(i) + "}";
  }
  text += "}}";
  const auto value = parse_strict_json(text, 16 * 1024 * 1024);
  REQUIRE(value);
  CHECK(canonical_json(*value).value().size() == text.size());
}
