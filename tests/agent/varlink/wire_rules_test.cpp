// Varlink's rules, one by one, over a real socket.
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "server_fixture.h"
#include "tests/support/result_printing.h"

using signet::test::call_json;
using signet::test::RawClient;
using signet::test::ServerFixture;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

const std::string kEcho = "org.signet.Agent.Echo";
const std::string kWait = "org.signet.Agent.Wait";

std::string echo(const std::string& text) {
  return call_json(kEcho, {{"text", text}});
}
std::string wait(const std::string& text) {
  return call_json(kWait, {{"text", text}});
}
std::string text_of(const json::object& reply) {
  return std::string(reply.at("parameters").at("text").as_string());
}
std::string error_of(const json::object& reply) {
  return std::string(reply.at("error").as_string());
}

}  // namespace

TEST_CASE("a call is answered") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(echo("hello")));
  const json::object reply = client.reply();
  CHECK(text_of(reply) == "hello");
  CHECK_FALSE(reply.contains("error"));
  CHECK_FALSE(reply.contains("continues"));
}

TEST_CASE("a frame may come one byte at a time") {
  ServerFixture server;
  RawClient client = server.connect();
  for (const char c : echo("bit by bit") + '\0') {
    REQUIRE(client.send(std::string_view(&c, 1)));
    std::this_thread::sleep_for(200us);
  }
  CHECK(text_of(client.reply()) == "bit by bit");
}

TEST_CASE("several frames may come in one write, the last one cut") {
  ServerFixture server;
  RawClient client = server.connect();
  const std::string last = echo("three") + '\0';
  REQUIRE(client.send(echo("one") + '\0' + echo("two") + '\0' + last.substr(0, 10)));
  CHECK(text_of(client.reply()) == "one");
  CHECK(text_of(client.reply()) == "two");
  CHECK_FALSE(client.anything_within(50ms));
  REQUIRE(client.send(last.substr(10)));
  CHECK(text_of(client.reply()) == "three");
}

TEST_CASE("pipelined calls are answered in order, each handled to its end before the next is begun") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send(wait("first") + '\0' + echo("second") + '\0' + echo("third") + '\0'));
  server.await_waiting(1);
  CHECK_FALSE(client.anything_within(100ms));
  CHECK(server.done() == 0);  // the second has not been begun
  server.release();
  CHECK(text_of(client.reply()) == "first");
  CHECK(text_of(client.reply()) == "second");
  CHECK(text_of(client.reply()) == "third");
}

TEST_CASE("another connection does not wait") {
  ServerFixture server;
  RawClient slow = server.connect(), quick = server.connect();
  REQUIRE(slow.send_frame(wait("slow")));
  server.await_waiting(1);
  REQUIRE(quick.send_frame(echo("quick")));
  CHECK(text_of(quick.reply()) == "quick");
}

TEST_CASE("oneway is done and not answered, where it is allowed") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(call_json(kEcho, {{"text", "no reply"}}, {{"oneway", true}})));
  REQUIRE(client.send_frame(echo("reply")));
  CHECK(text_of(client.reply()) == "reply");
  CHECK(server.done() == 2);
}

TEST_CASE("a oneway call is done even if its client does not stay") {
  ServerFixture server;
  {
    RawClient client = server.connect();
    REQUIRE(client.send_frame(call_json(kEcho, {{"text", "bye"}}, {{"oneway", true}})));
  }
  signet::test::eventually([&] { return server.done() == 1; }, "the oneway call is done");
}

TEST_CASE("a oneway call that is refused is not done, and the connection is closed") {
  ServerFixture server;
  RawClient client = server.connect();
  SECTION("a method that does not allow it") {
    server.release();
    REQUIRE(client.send_frame(call_json(kWait, {{"text", "x"}}, {{"oneway", true}})));
  }
  SECTION("a wrong parameter") {
    REQUIRE(client.send_frame(call_json(kEcho, {{"txet", "x"}}, {{"oneway", true}})));
  }
  SECTION("an unknown method") {
    REQUIRE(client.send_frame(call_json("a.b.C", {}, {{"oneway", true}})));
  }
  SECTION("with more") {
    REQUIRE(client.send_frame(call_json(kEcho, {{"text", "x"}}, {{"oneway", true}, {"more", true}})));
  }
  CHECK(client.at_end());
  CHECK(server.done() == 0);
}

TEST_CASE("more streams replies that say continues, and one that does not") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(call_json("org.signet.Agent.Stream", {{"count", 3}}, {{"more", true}})));
  for (int i = 0; i < 3; ++i) {
    const json::object reply = client.reply();
    CHECK(reply.at("continues").as_bool());
    CHECK(reply.at("parameters").at("n") == i);
  }
  const json::object last = client.reply();
  CHECK_FALSE(last.contains("continues"));
  CHECK(last.at("parameters").as_object().empty());
}

TEST_CASE("without more there are no events") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(call_json("org.signet.Agent.Stream", {{"count", 3}})));
  CHECK(client.reply().at("parameters").as_object().empty());
  REQUIRE(client.send_frame(echo("next")));
  CHECK(text_of(client.reply()) == "next");
}

TEST_CASE("more is answered once by a method that does not stream") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(call_json(kEcho, {{"text", "once"}}, {{"more", true}})));
  const json::object reply = client.reply();
  CHECK(text_of(reply) == "once");
  CHECK_FALSE(reply.contains("continues"));
}

TEST_CASE("upgrade is refused, and the connection goes on") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(call_json(kEcho, {{"text", "x"}}, {{"upgrade", true}})));
  const json::object reply = client.reply();
  CHECK(error_of(reply) == "org.varlink.service.InvalidParameter");
  CHECK(reply.at("parameters").at("parameter") == "upgrade");
  CHECK(server.done() == 0);
  REQUIRE(client.send_frame(echo("after")));
  CHECK(text_of(client.reply()) == "after");
}

TEST_CASE("a wrong call gets its standard error, and the connection goes on") {
  struct Case {
    std::string call, error, parameter, value;
  };
  const Case wrong = GENERATE(values<Case>({
      {call_json("org.example.Other.Foo"), "InterfaceNotFound", "interface", "org.example.Other"},
      {call_json("org.signet.Agent.Foo"), "MethodNotFound", "method", "org.signet.Agent.Foo"},
      {call_json("org.signet.Agent.echo", {{"text", "x"}}), "MethodNotFound", "method",
       "org.signet.Agent.echo"},
      {call_json("org.signet.Agent.Missing"), "MethodNotImplemented", "method", "org.signet.Agent.Missing"},
      {call_json("Echo"), "InvalidParameter", "parameter", "method"},
      {call_json(".Echo"), "InvalidParameter", "parameter", "method"},
      {call_json("org.signet.Agent."), "InvalidParameter", "parameter", "method"},
      {call_json(kEcho), "InvalidParameter", "parameter", "text"},
      {call_json(kEcho, {{"text", nullptr}}), "InvalidParameter", "parameter", "text"},
      {call_json(kEcho, {{"text", 1}}), "InvalidParameter", "parameter", "text"},
      {call_json(kEcho, {{"text", "x"}, {"txet", "x"}}), "InvalidParameter", "parameter", "txet"},
      {call_json("org.signet.Agent.Sum", {{"numbers", {1, 2.5}}}), "InvalidParameter", "parameter",
       "numbers[1]"},
      {call_json("org.signet.Agent.Sum", {{"numbers", json::array()}, {"scale", "x"}}), "InvalidParameter",
       "parameter", "scale"},
      {call_json("org.varlink.service.GetInterfaceDescription", {{"interface", "org.example.Other"}}),
       "InterfaceNotFound", "interface", "org.example.Other"},
  }));
  CAPTURE(wrong.call);
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(wrong.call));
  const json::object reply = client.reply();
  CHECK(error_of(reply) == "org.varlink.service." + wrong.error);
  CHECK(reply.at("parameters").at(wrong.parameter) == json::string(wrong.value));
  CHECK_FALSE(reply.at("parameters").at("message").as_string().empty());
  REQUIRE(client.send_frame(echo("after")));
  CHECK(text_of(client.reply()) == "after");
}

TEST_CASE("a method that needs more says so") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(call_json("org.signet.Agent.NeedsMore")));
  CHECK(error_of(client.reply()) == "org.varlink.service.ExpectedMore");
  REQUIRE(client.send_frame(call_json("org.signet.Agent.NeedsMore", {}, {{"more", true}})));
  CHECK_FALSE(client.reply().contains("error"));
}

TEST_CASE("a handler's error goes over the wire as the IDL has it, with its message") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(call_json("org.signet.Agent.Fail")));
  const json::object reply = client.reply();
  CHECK(error_of(reply) == "org.signet.Agent.TokenAbsent");
  CHECK(reply.at("parameters") ==
        json::value(json::object{{"label", "release"}, {"serial", "7"}, {"message", "Insert it."}}));
}

TEST_CASE("a handler that throws is an internal error of that call alone") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(call_json("org.signet.Agent.Throw")));
  const json::object reply = client.reply();
  CHECK(error_of(reply) == "org.signet.Agent.Internal");
  CHECK(reply.at("parameters").at("message").as_string().find("a bug") == json::string::npos);
  REQUIRE(client.send_frame(echo("after")));
  CHECK(text_of(client.reply()) == "after");
}

TEST_CASE("the service describes itself") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(call_json("org.varlink.service.GetInfo")));
  const json::object info = client.reply().at("parameters").as_object();
  CHECK(info.at("interfaces") == json::value{"org.signet.Agent", "org.varlink.service"});
  REQUIRE(client.send_frame(
      call_json("org.varlink.service.GetInterfaceDescription", {{"interface", "org.varlink.service"}})));
  CHECK(client.reply().at("parameters").at("description") == json::string(signet::service_idl_text()));
}

TEST_CASE("what is no call gets an error, and then the connection is closed") {
  const std::string garbage = GENERATE(
      std::string(""), std::string("GET / HTTP/1.1\r\n"), std::string("\xff\xfe{}"), std::string("[]"),
      std::string("null"), std::string("{\"method\":\"x\""), std::string("{}"), std::string("{\"method\":1}"),
      std::string("{\"method\":\"org.signet.Agent.Echo\",\"parameters\":[]}"),
      std::string("{\"method\":\"org.signet.Agent.Echo\",\"parameters\":{\"text\":\"a\",\"text\":\"b\"}}"),
      std::string("{\"method\":\"org.signet.Agent.Echo\",\"method\":\"org.signet.Agent.Wait\"}"),
      std::string("{\"method\":\"org.signet.Agent.Echo\",\"parameters\":{\"text\":\"\xed\xa0\x80\"}}"),
      std::string("{\"method\":\"org.signet.Agent.Echo\",\"parameters\":{\"text\":\"a\"},\"more\":1}"),
      std::string("{\"method\":\"org.signet.Agent.Echo\",\"parameters\":{\"text\":\"a\"},\"timeout\":1}"),
      std::string("{\"method\":\"org.signet.Agent.Echo\",\"parameters\":{\"text\":\"a\"}} {}"));
  CAPTURE(garbage);
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send(echo("before") + '\0' + garbage + '\0' + echo("after") + '\0'));
  CHECK(text_of(client.reply()) == "before");
  CHECK(error_of(client.reply()) == "org.varlink.service.InvalidParameter");
  CHECK(client.at_end());
  CHECK(server.done() == 1);
}

TEST_CASE("null is as good as an absent member") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(
      R"({"method":"org.varlink.service.GetInfo","parameters":null,"oneway":null,"more":null,"upgrade":null})"));
  CHECK(client.reply().at("parameters").as_object().contains("interfaces"));
}
