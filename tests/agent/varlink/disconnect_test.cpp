// Clients that leave, and an agent that stops.
#include <catch2/catch.hpp>

#include "server_fixture.h"

using signet::test::call_json;
using signet::test::RawClient;
using signet::test::ServerFixture;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

std::string echo(const std::string& text) {
  return call_json("org.signet.Agent.Echo", {{"text", text}});
}
std::string wait(const std::string& text) {
  return call_json("org.signet.Agent.Wait", {{"text", text}});
}
std::string text_of(const json::object& reply) {
  return std::string(reply.at("parameters").at("text").as_string());
}

}  // namespace

TEST_CASE("a handler runs to its end when its client has left; calls behind it are dropped") {
  ServerFixture server;
  {
    RawClient client = server.connect();
    REQUIRE(client.send(wait("in progress") + '\0' + echo("dropped") + '\0'));
    server.await_waiting(1);
  }
  std::this_thread::sleep_for(50ms);
  CHECK(server.done() == 0);
  CHECK(server.connections() == 1);  // still counted: it is still at work
  server.release();
  server.await_connections(0);
  CHECK(server.done() == 1);
}

TEST_CASE("a client that only ends its writing gets all its replies") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send(wait("one") + '\0' + echo("two") + '\0'));
  client.shutdown_writing();
  server.await_waiting(1);
  server.release();
  CHECK(text_of(client.reply()) == "one");
  CHECK(text_of(client.reply()) == "two");
  CHECK(client.at_end());
  server.await_connections(0);
}

TEST_CASE("a client that ends amid a frame is forgotten") {
  ServerFixture server;
  {
    RawClient client = server.connect();
    REQUIRE(client.send("{\"method\":\"org.sig"));
    server.await_connections(1);
  }
  server.await_connections(0);
}

TEST_CASE("a client may leave at every byte of its call and of the reply") {
  ServerFixture server;
  const std::string frame = echo("x") + '\0';
  for (std::size_t cut = 0; cut <= frame.size(); ++cut) {
    RawClient client = server.connect();
    client.send(std::string_view(frame).substr(0, cut));
    if (cut % 2 == 0) std::this_thread::sleep_for(100us);
  }
  server.await_connections(0);
  RawClient after = server.connect();
  REQUIRE(after.send_frame(echo("alive")));
  CHECK(text_of(after.reply()) == "alive");
}

TEST_CASE("draining lets calls in progress end, begins no other, and closes the idle") {
  ServerFixture server;
  RawClient busy = server.connect(), idle = server.connect();
  REQUIRE(busy.send(wait("in progress") + '\0' + echo("never begun") + '\0'));
  server.await_waiting(1);
  server.drain(10s);
  CHECK(idle.at_end());
  CHECK_FALSE(server.drained());
  CHECK_FALSE(busy.anything_within(50ms));
  server.release();
  CHECK(text_of(busy.reply()) == "in progress");
  CHECK(busy.at_end());
  signet::test::eventually([&] { return server.drained(); }, "drained");
  CHECK(server.done() == 1);
}

TEST_CASE("draining does not wait longer than its deadline") {
  ServerFixture server;
  RawClient busy = server.connect();
  REQUIRE(busy.send_frame(wait("stuck")));
  server.await_waiting(1);
  const auto start = std::chrono::steady_clock::now();
  server.drain(100ms);
  CHECK(busy.at_end());
  signet::test::eventually([&] { return server.drained(); }, "drained");
  CHECK(std::chrono::steady_clock::now() - start < 5s);
}

TEST_CASE("who may not connect is told so") {
  ServerFixture server({}, signet::same_uid_rule(::geteuid() + 1));
  RawClient client = server.connect();
  const json::object reply = client.reply();
  CHECK(reply.at("error") == "org.varlink.service.PermissionDenied");
  CHECK_FALSE(reply.at("parameters").at("message").as_string().empty());
  CHECK(client.at_end());
}
