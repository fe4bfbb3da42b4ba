// Properties of the canonical form, over generated documents. A failure prints the seed of its document.
#include "protocol/canonical_json.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <limits>
#include <random>

#include "tests/protocol/test_documents.h"

using namespace signet;
using signet::test::verdict;
namespace json = boost::json;

namespace {

class Generator {
 public:
  explicit Generator(std::uint32_t seed) : random_(seed) {}

  json::value value(int depth) {
    const auto kind = pick(depth > 0 ? 6 : 4);
    if (kind == 0) return json::value(nullptr);
    if (kind == 1) return json::value(pick(2) == 0);
    if (kind == 2) return json::value(integer());
    if (kind == 3) return json::value(text(true));
    if (kind == 4) {
      json::array array;
      for (auto n = pick(5); n > 0; --n) array.push_back(value(depth - 1));
      return array;
    }
    json::object object;
    for (auto n = pick(6); n > 0; --n) object[text(false)] = value(depth - 1);
    return object;
  }

  // A text that means `value`: members in any order, white space, needless escapes.
  std::string spell(const json::value& value) {
    if (const auto* array = value.if_array()) {
      std::string out = "[";
      for (std::size_t i = 0; i < array->size(); ++i)
        out += (i > 0 ? "," : "") + space() + spell((*array)[i]) + space();
      return out + "]";
    }
    if (const auto* object = value.if_object()) {
      std::vector<const json::key_value_pair*> members;
      for (const auto& member : *object) members.push_back(&member);
      std::shuffle(members.begin(), members.end(), random_);
      std::string out = "{";
      for (const auto* member : members) {
        out += (member != members.front() ? "," : "") + space() + spell(json::value(member->key())) +
               space() + ":" + space() + spell(member->value());
      }
      return out + space() + "}";
    }
    if (const auto* string = value.if_string()) return spell_string(*string);
    return json::serialize(value);
  }

 private:
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

  std::int64_t integer() {
    const std::int64_t edges[] = {0, 1, -1, kMaxJsonInteger, -kMaxJsonInteger, 4294967296};
    if (pick(3) == 0) return edges[pick(6)];
    const auto wide = static_cast<std::int64_t>((static_cast<std::uint64_t>(random_()) << 22) ^ random_());
    return (pick(2) == 0 ? 1 : -1) * (wide % kMaxJsonInteger);
  }

  std::string text(bool is_value) {
    const std::vector<std::string_view> pieces = {
        "a",         "Z", "\"", "\\", "/", "<", "\xc3\xa9", "\xe2\x82\xac", "\xef\xbf\xbf", "\xee\x80\x80",
        "e\xcc\x81", " "};
    std::string out;
    for (auto n = pick(8); n > 0; --n) out += pieces[pick(static_cast<std::uint32_t>(pieces.size()))];
    if (is_value && pick(4) == 0) out += "\xf0\x9f\x98\x80\n";
    return out;
  }

  std::string space() {
    const char* spaces[] = {"", "", " ", "\n", "\t", "\r\n "};
    return spaces[pick(6)];
  }

  std::string spell_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
      const bool escape = static_cast<unsigned char>(c) < 0x80 && pick(4) == 0;
      if (escape) {
        const char* digits = pick(2) == 0 ? "0123456789abcdef" : "0123456789ABCDEF";
        out += std::string("\\u00") + digits[c >> 4] + digits[c & 15];
      } else if (c == '\n') {
        out += "\\n";
      } else {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
      }
    }
    return out + "\"";
  }

  std::mt19937 random_;
};

void check_sorted(const json::value& value) {
  if (const auto* array = value.if_array())
    for (const auto& element : *array) check_sorted(element);
  const auto* object = value.if_object();
  if (object == nullptr) return;
  Bytes before;
  for (const auto& member : *object) {
    const Bytes key = to_bytes(as_bytes(std::string_view(member.key())));
    REQUIRE((before.empty() || before < key));
    before = key;
    check_sorted(member.value());
  }
}

}  // namespace

TEST_CASE("the canonical form of any document is a fixed point, sorted, and independent of its spelling") {
  const std::uint32_t first = std::random_device{}();
  for (std::uint32_t seed = first; seed != first + 2000; ++seed) {
    CAPTURE(seed);
    Generator generator(seed);
    const json::value value = generator.value(5);
    const std::string canonical = canonical_json(value).value();
    const auto spelled = parse_strict_json(generator.spell(value), 1 << 20);
    REQUIRE(spelled);
    REQUIRE(*spelled == value);
    REQUIRE(canonical_json(*spelled).value() == canonical);
    // The reader keeps the order of the text, so that what it read from the canonical form shows its order.
    const auto again = parse_canonical_json(canonical, 1 << 20);
    REQUIRE(again);
    REQUIRE(*again == value);
    REQUIRE(canonical_json(*again).value() == canonical);
    check_sorted(*again);
  }
}

TEST_CASE("any change of one byte of a canonical form is another document or is refused") {
  const std::string canonical = R"({"a":["x\"y",-12,true],"b":{"c":null,"é":"€"}})";
  const auto value = parse_canonical_json(canonical, 1 << 20);
  REQUIRE(value);
  for (std::size_t at = 0; at < canonical.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = canonical;
      changed[at] = static_cast<char>(byte);
      const auto read = parse_canonical_json(changed, 1 << 20);
      if (changed != canonical && read) REQUIRE_FALSE(*read == *value);
    }
  }
}

TEST_CASE("keys are sorted by their UTF-8 bytes") {
  const json::value value = {{"b", 1},           {"a", 2},        {"", 3},  {"aa", 4},
                             {"B", 5},           {"\xc3\xa9", 6}, {"z", 7}, {"\xef\xbf\xbf", 8},
                             {"\xee\x80\x80", 9}};
  CHECK(canonical_json(value).value() ==
        "{\"\":3,\"B\":5,\"a\":2,\"aa\":4,\"b\":1,\"z\":7,\"\xc3\xa9\":6,\"\xee\x80\x80\":9,\"\xef\xbf\xbf\":"
        "8}");
}

TEST_CASE("values that no parser gave are refused where they stand") {
  const auto of = [](json::value value) { return verdict(canonical_json(value)); };
  CHECK(of({{"a", {1, 2.5}}}) == "float /a/1");
  CHECK(of({{"a/b~c", std::numeric_limits<std::int64_t>::max()}}) == "integer-range /a~1b~0c");
  CHECK(of(json::value(std::numeric_limits<std::uint64_t>::max())) == "integer-range ");
  CHECK(of(json::value(std::uint64_t{9007199254740992})) == "accepted");
  CHECK(of(json::value(std::uint64_t{9007199254740993})) == "integer-range ");
  CHECK(of({{"a", "\x7f"}}) == "control-character /a");
  CHECK(of({{"a\n", 1}}) == "control-character /a\n");
  CHECK(of({{"a", "\xff"}}) == "invalid-utf8 /a");
  CHECK(of({{"\xf0\x9f\x98\x80", 1}}) == "non-bmp-key /\xf0\x9f\x98\x80");
  json::value deep = 1;
  for (int i = 0; i < 16; ++i) {
    json::array around;
    around.push_back(std::move(deep));
    deep = std::move(around);
  }
  CHECK(of(deep) == "accepted");
  json::array around;
  around.push_back(deep);
  CHECK(of(around).starts_with("depth /0/0"));
}
