#include "protocol/idl.h"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "tests/build_paths.h"
#include "tests/support/result_printing.h"

using signet::check_fields;
using signet::ErrorName;
using signet::IdlInterface;
using signet::IdlType;
using signet::parse_idl;
namespace json = boost::json;

namespace {

constexpr std::string_view kIdl = R"(# A comment.
interface org.example.test-1
type Colour (red, green)  # another
type Point (x: int, y: float, label: ?string)
type Tree (value: object, children: []Tree)
method Draw(
  points: []Point, colour: Colour,
  style: (solid, dotted),
  names: [string]int,
  maybe: ?[]?bool
) -> (box: (low: Point, high: Point))
method Nothing() -> ()
error TooFar (distance: int)
)";

const char* const kGood = R"({
  "points": [{"x": 1, "y": 2.5}, {"x": -1, "y": 3, "label": "b"}, {"x": 0, "y": 0, "label": null}],
  "colour": "green", "style": "dotted", "names": {"a": 1, "": 2}, "maybe": [true, null]})";

// Replaces, or adds to an object.
void set(json::value& values, const std::string& pointer, const json::value& value) {
  const std::size_t slash = pointer.rfind('/');
  json::value& parent = slash == 0 ? values : values.at_pointer(pointer.substr(0, slash));
  const std::string last = pointer.substr(slash + 1);
  if (parent.is_array())
    parent.as_array().at(std::stoul(last)) = value;
  else
    parent.as_object()[last] = value;
}

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a definition is parsed") {
  const auto idl = parse_idl(kIdl);
  REQUIRE(idl);
  CHECK(idl->name == "org.example.test-1");
  CHECK(idl->text == kIdl);
  CHECK(idl->types.size() == 3);
  CHECK(idl->types.at("Colour").symbols == std::vector<std::string>{"red", "green"});
  CHECK(idl->types.at("Point").fields.size() == 3);
  CHECK(idl->types.at("Point").fields[2].type.kind == IdlType::Kind::Nullable);
  CHECK(idl->methods.at("Draw").parameters.size() == 5);
  CHECK(idl->methods.at("Draw").reply[0].type.kind == IdlType::Kind::Struct);
  CHECK(idl->methods.at("Nothing").parameters.empty());
  CHECK(idl->errors.at("TooFar")[0].name == "distance");
}

TEST_CASE("a definition that is wrong is told with its line") {
  struct Case {
    std::string text;
    int line;
  };
  const std::string head = "interface a.b\n";
  const Case bad = GENERATE_COPY(values<Case>({
      {"", 1},
      {"interface nodots\n", 1},
      {"interface a..b\n", 1},
      {"interface a.b-\n", 1},
      {head + "metod Foo() -> ()\n", 2},
      {head + "method foo() -> ()\n", 2},
      {head + "method Foo()\n", 3},
      {head + "method Foo(a) -> ()\n", 2},
      {head + "method Foo(a: integer-) -> ()\n", 2},
      {head + "method Foo(a: Missing) -> ()\n", 2},
      {head + "method Foo(a: int, a: int) -> ()\n", 2},
      {head + "method Foo(a: ??int) -> ()\n", 2},
      {head + "method Foo(a: [int]string) -> ()\n", 2},
      {head + "\n\nmethod Foo(a: int\n", 5},
      {head + "type A (x, y)\ntype A (x: int)\n", 3},
      {head + "type A (x, x)\n", 2},
      {head + "type A (x: int, y)\n", 2},
      {head + "type A (x, y: int)\n", 2},
      {head + "error E (x, y)\n", 2},
      {head + "type A (x: " + std::string(5000, '?') + "int)\n", 2},
      {head + "type A (x: " + std::string(5000, '(') + "\n", 2},
      {head + "type A (x: " +
           [] {
             std::string s;
             for (int i = 0; i < 5000; ++i) s += "[]";
             return s;
           }() +
           "int)\n",
       2},
  }));
  CAPTURE(bad.text.substr(0, 80));
  const auto idl = parse_idl(bad.text);
  REQUIRE(idl.has_error());
  CHECK(idl.error().parameters.at("where") == json::string("line " + std::to_string(bad.line)));
}

TEST_CASE("values that fit are taken") {
  const IdlInterface idl = parse_idl(kIdl).value();
  CHECK(check_fields(idl, idl.methods.at("Draw").parameters, json::parse(kGood).as_object()));
  CHECK(check_fields(idl, idl.methods.at("Nothing").parameters, {}));
  json::object absent = json::parse(kGood).as_object();
  absent.erase("maybe");
  CHECK(check_fields(idl, idl.methods.at("Draw").parameters, absent));
}

TEST_CASE("values that do not fit are told by their path") {
  struct Case {
    std::string pointer, value, path;
  };
  const Case bad = GENERATE(values<Case>({
      {"/points", "{}", "points"},
      {"/points/1", "1", "points[1]"},
      {"/points/0/x", "1.0", "points[0].x"},
      {"/points/0/x", "9223372036854775808", "points[0].x"},
      {"/points/0/x", "\"1\"", "points[0].x"},
      {"/points/0/x", "null", "points[0].x"},
      {"/points/0/y", "true", "points[0].y"},
      {"/points/1/label", "1", "points[1].label"},
      {"/points/1/z", "1", "points[1].z"},
      {"/colour", "\"blue\"", "colour"},
      {"/colour", "0", "colour"},
      {"/colour", "null", "colour"},
      {"/style", "\"\"", "style"},
      {"/names", "[]", "names"},
      {"/names/a", "\"1\"", "names.a"},
      {"/maybe", "true", "maybe"},
      {"/maybe/0", "0", "maybe[0]"},
      {"/extra", "1", "extra"},
  }));
  CAPTURE(bad.pointer, bad.value);
  const IdlInterface idl = parse_idl(kIdl).value();
  json::value values = json::parse(kGood);
  set(values, bad.pointer, json::parse(bad.value));
  const auto fits = check_fields(idl, idl.methods.at("Draw").parameters, values.as_object());
  REQUIRE(fits.has_error());
  CHECK(fits.error().name == ErrorName::InvalidParameter);
  CHECK(fits.error().parameters.at("parameter") == json::string(bad.path));
  CHECK_THAT(fits.error().message, Catch::Contains("\"" + bad.path + "\""));
}

TEST_CASE("a missing value is told, at every level") {
  const IdlInterface idl = parse_idl(kIdl).value();
  json::object values = json::parse(kGood).as_object();
  values.erase("colour");
  auto fits = check_fields(idl, idl.methods.at("Draw").parameters, values);
  REQUIRE(fits.has_error());
  CHECK(fits.error().parameters.at("parameter") == "colour");
  values = json::parse(kGood).as_object();
  values.at("points").as_array()[1].as_object().erase("y");
  fits = check_fields(idl, idl.methods.at("Draw").parameters, values);
  REQUIRE(fits.has_error());
  CHECK(fits.error().parameters.at("parameter") == "points[1].y");
}

TEST_CASE("a type may hold itself") {
  const IdlInterface idl = parse_idl(kIdl).value();
  const std::vector<signet::IdlField> field{{"tree", [] {
                                               IdlType type;
                                               type.kind = IdlType::Kind::Named;
                                               type.name = "Tree";
                                               return type;
                                             }()}};
  CHECK(check_fields(
      idl, field,
      json::parse(R"({"tree":{"value":{},"children":[{"value":{"x":1},"children":[]}]}})").as_object()));
  CHECK(check_fields(
            idl, field,
            json::parse(R"({"tree":{"value":{},"children":[{"value":[],"children":[]}]}})").as_object())
            .has_error());
}

TEST_CASE("a name of megabytes is not sent back") {
  const IdlInterface idl = parse_idl(kIdl).value();
  const auto fits = check_fields(idl, {}, {{std::string(1'000'000, 'x'), 1}});
  REQUIRE(fits.has_error());
  CHECK(fits.error().message.size() < 300);
}

TEST_CASE("the embedded definitions are the files, and parse") {
  CHECK(signet::agent_idl_text() == read(signet::test::source_dir() + "/protocol/org.signet.Agent.varlink"));
  CHECK(signet::service_idl_text() ==
        read(signet::test::source_dir() + "/protocol/org.varlink.service.varlink"));
  CHECK(signet::agent_idl().name == "org.signet.Agent");
  CHECK(signet::service_idl().methods.size() == 2);
  CHECK(signet::service_idl().errors.size() == 6);
}

TEST_CASE("every error of the definitions has its enumerator, and the other way round") {
  std::size_t declared = 0;
  for (const IdlInterface* idl : {&signet::agent_idl(), &signet::service_idl()}) {
    for (const auto& [name, fields] : idl->errors) {
      CAPTURE(name);
      const std::string wire = idl->name + "." + name;
      CHECK(signet::wire_name(signet::error_from_wire_name(wire)) == wire);
      ++declared;
    }
  }
  CHECK(declared == static_cast<std::size_t>(ErrorName::ExpectedMore) + 1);
}
