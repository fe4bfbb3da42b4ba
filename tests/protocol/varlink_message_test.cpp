#include "protocol/varlink_message.h"

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "tests/support/result_printing.h"

using signet::as_text;
using signet::encode_call;
using signet::encode_error;
using signet::encode_reply;
using signet::Error;
using signet::ErrorName;
using signet::parse_call;
using signet::parse_reply;
using signet::VarlinkCall;
namespace json = boost::json;

namespace {

// A frame must be one NUL at its end and none before.
std::string body(const signet::WipedBuffer& frame) {
  const std::string text(as_text(frame));
  REQUIRE(text.find('\0') == text.size() - 1);
  return text.substr(0, text.size() - 1);
}

std::string parameter_of(const signet::Result<VarlinkCall>& call) {
  REQUIRE(call.has_error());
  REQUIRE(call.error().name == ErrorName::InvalidParameter);
  return std::string(call.error().parameters.at("parameter").as_string());
}

std::string nested(std::size_t levels) {  // the frame, its parameters, and arrays
  return R"({"method":"a.B","parameters":{"x":)" + std::string(levels - 2, '[') +
         std::string(levels - 2, ']') + "}}";
}

}  // namespace

TEST_CASE("a call goes over the wire and comes back the same") {
  VarlinkCall call;
  call.method = "org.signet.Agent.UnlockToken";
  call.parameters = {
      {"token", "a \"quoted\" \\ \x01 \xc3\xa9 name"}, {"pin", nullptr}, {"n", {1, -2, 2.5, true}}};
  call.more = GENERATE(false, true);
  call.oneway = GENERATE(false, true);
  call.upgrade = GENERATE(false, true);
  const auto read = parse_call(body(encode_call(call)));
  REQUIRE(read);
  CHECK(read->method == call.method);
  CHECK(read->parameters == call.parameters);
  CHECK(read->more == call.more);
  CHECK(read->oneway == call.oneway);
  CHECK(read->upgrade == call.upgrade);
}

TEST_CASE("calls are written as others write them") {
  VarlinkCall call;
  call.method = "a.B";
  CHECK(body(encode_call(call)) == R"({"method":"a.B","parameters":{}})");
  call.more = true;
  CHECK(body(encode_call(call)) == R"({"method":"a.B","parameters":{},"more":true})");
}

TEST_CASE("large parameters are written whole") {
  VarlinkCall call;
  call.method = "a.B";
  const std::size_t size = GENERATE(500U, 511U, 512U, 513U, 100'000U, 3'000'000U);
  call.parameters["text"] = std::string(size, 'x') + "\"";
  CHECK(body(encode_call(call)) ==
        R"({"method":"a.B","parameters":{"text":")" + std::string(size, 'x') + R"(\""}})");
}

TEST_CASE("replies and errors go over the wire and come back the same") {
  const json::object parameters{{"token", {{"name", "t"}}}};
  const auto reply = parse_reply(body(encode_reply(parameters)));
  REQUIRE(reply);
  CHECK(reply->parameters == parameters);
  CHECK_FALSE(reply->continues);
  CHECK(reply->error.empty());
  CHECK(parse_reply(body(encode_reply({}, true)))->continues);

  const Error error(ErrorName::TokenAbsent, "Insert it.", {{"label", "release"}, {"serial", "7"}});
  auto failed = parse_reply(body(encode_error(error)));
  REQUIRE(failed);
  CHECK(failed->error == "org.signet.Agent.TokenAbsent");
  const auto result = signet::reply_result(std::move(*failed));
  REQUIRE(result.has_error());
  CHECK(result.error().name == error.name);
  CHECK(result.error().message == error.message);
  CHECK(result.error().parameters == error.parameters);
}

TEST_CASE("a reply can be read whatever bytes others chose for a name") {
  const auto sent = [](std::string_view name) {
    const auto reply = parse_reply(body(encode_reply({{"label", name}, {"serial", "1"}})));
    REQUIRE(reply);
    CHECK(reply->parameters.at("serial") == "1");
    return std::string(reply->parameters.at("label").as_string());
  };
  CHECK(sent("bad\xff\x80") == "bad??");
  CHECK(sent("\xe2\x82") == "??");       // cut off
  CHECK(sent("\xed\xa0\x80") == "???");  // a surrogate
  CHECK(sent("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91") == "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91");
  const auto error = parse_reply(body(encode_error(Error(ErrorName::NotFound, "No token \xff."))));
  REQUIRE(error);
  CHECK(error->parameters.at("message") == "No token ?.");
}

TEST_CASE("every error of ours survives the wire") {
  for (int i = 0; i <= static_cast<int>(ErrorName::FileFault); ++i) {
    const auto name = static_cast<ErrorName>(i);
    auto reply = parse_reply(body(encode_error(Error(name, "m"))));
    REQUIRE(reply);
    CHECK(signet::reply_result(std::move(*reply)).error().name == name);
  }
}

TEST_CASE("an error that this build does not know is still an error, with its message") {
  auto reply =
      parse_reply(R"({"error":"org.signet.Agent.FromTheFuture","parameters":{"message":"Do this."}})");
  REQUIRE(reply);
  const auto result = signet::reply_result(std::move(*reply));
  REQUIRE(result.has_error());
  CHECK(result.error().name == ErrorName::Internal);
  CHECK(result.error().message == "Do this.");
}

TEST_CASE("a reply's unknown members are a newer service's") {
  const auto reply = parse_reply(R"({"parameters":{"a":1},"sequence":4,"error":null,"continues":null})");
  REQUIRE(reply);
  CHECK(reply->parameters.at("a") == 1);
  CHECK(reply->error.empty());
}

TEST_CASE("a reply that is none is refused") {
  for (const char* text : {"", "[]", "{", R"({"error":1})", R"({"parameters":[]})", R"({"continues":"yes"})"})
    CHECK(parse_reply(text).has_error());
}

TEST_CASE("a call that is none is refused with what is wrong") {
  CHECK(parameter_of(parse_call("")) == "frame");
  CHECK(parameter_of(parse_call("{")) == "frame");
  CHECK(parameter_of(parse_call("[]")) == "frame");
  CHECK(parameter_of(parse_call("{} x")) == "frame");
  CHECK(parameter_of(parse_call("{}")) == "method");
  CHECK(parameter_of(parse_call(R"({"method":7})")) == "method");
  CHECK(parameter_of(parse_call(R"({"method":null})")) == "method");
  CHECK(parameter_of(parse_call(R"({"method":"a.B","parameters":7})")) == "parameters");
  CHECK(parameter_of(parse_call(R"({"method":"a.B","more":"yes"})")) == "more");
  CHECK(parameter_of(parse_call(R"({"method":"a.B","Oneway":true})")) == "Oneway");
}

TEST_CASE("JSON beyond the standard is refused") {
  for (const char* text : {
           R"({"method":"a.B",})",
           R"({"method":"a.B"/*x*/})",
           R"({'method':'a.B'})",
           R"({"method":"a.B","parameters":{"x":NaN}})",
           R"({"method":"a.B","parameters":{"x":1e400}})",
           R"({"method":"a.B","parameters":{"x":01}})",
           R"({"method":"a.B","parameters":{"x":"\ud800"}})",
           "{\"method\":\"a.B\",\"parameters\":{\"x\":\"\xff\"}}",
           "{\"method\":\"a.B\",\"parameters\":{\"x\":\"\xc0\x80\"}}",
           "{\"method\":\"a.B\",\"parameters\":{\"x\":\"\n\"}}",
           "\xef\xbb\xbf{\"method\":\"a.B\"}",
       }) {
    CAPTURE(text);
    CHECK(parameter_of(parse_call(text)) == "frame");
  }
}

TEST_CASE("duplicate keys are refused at every level, however they are written") {
  CHECK(parameter_of(parse_call(R"({"method":"a.B","method":"a.C"})")) == "method");
  CHECK(parameter_of(parse_call(R"({"method":"a.B","parameters":{"pin":1,"pin":2}})")) == "pin");
  CHECK(parameter_of(parse_call(R"({"method":"a.B","parameters":{"pin":1,"p\u0069n":2}})")) == "pin");
  CHECK(parameter_of(parse_call(R"({"method":"a.B","parameters":{"x":[{"y":{"z":1,"a":2,"z":3}}]}})")) ==
        "z");
  CHECK(parameter_of(parse_call(R"({"method":"a.B","parameters":{")" + std::string(70, 'k') + R"(":1,")" +
                                std::string(70, 'k') + R"(":2}})")) == "frame");  // not sent back whole
  CHECK(parse_call(R"({"method":"a.B","parameters":{"x":{"a":1},"y":{"a":1},"a":1}})"));
}

TEST_CASE("many members are read in no more than linear time") {
  std::string text = R"({"method":"a.B","parameters":{)";
  for (int i = 0; i < 200'000; ++i)
    text += (i ? ",\"" : "\"") + std::to_string(i) + "\":" + std::to_string(i);
  const auto call = parse_call(text + "}}");
  REQUIRE(call);
  CHECK(call->parameters.size() == 200'000);
  CHECK(call->parameters.at("199999") == 199'999);
  CHECK(parameter_of(parse_call(text + ",\"77777\":0}}")) == "77777");
}

TEST_CASE("16 levels are read, 17 are not") {
  CHECK(parse_call(nested(16)));
  const auto deep = parse_call(nested(17));
  REQUIRE(deep.has_error());
  CHECK(deep.error().name == ErrorName::LimitExceeded);
  CHECK(deep.error().parameters == json::object{{"limit", "depth"}, {"value", 16}});
  CHECK(parse_call(nested(100'000)).has_error());
}

TEST_CASE("numbers keep their kind") {
  const auto call = parse_call(
      R"({"method":"a.B","parameters":{"a":9223372036854775807,"b":-9223372036854775808,"c":1.0}})");
  REQUIRE(call);
  CHECK(call->parameters.at("a").is_int64());
  CHECK(call->parameters.at("b").is_int64());
  CHECK(call->parameters.at("c").is_double());
}
