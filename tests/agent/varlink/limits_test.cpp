// Every limit of the wire, at its edge and one beyond.
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <vector>

#include "server_fixture.h"

using signet::Limits;
using signet::test::call_json;
using signet::test::RawClient;
using signet::test::ServerFixture;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

const std::string kEcho = "org.signet.Agent.Echo";

std::string echo(const std::string& text) {
  return call_json(kEcho, {{"text", text}});
}
std::string wait(const std::string& text) {
  return call_json("org.signet.Agent.Wait", {{"text", text}});
}
// A call whose frame has exactly this size, its NUL not counted.
std::string sized(const std::string& method, const std::string& parameter, std::size_t size) {
  const std::size_t empty = call_json(method, {{parameter, ""}}).size();
  return call_json(method, {{parameter, std::string(size - empty, 'x')}});
}
std::string text_of(const json::object& reply) {
  return std::string(reply.at("parameters").at("text").as_string());
}

void check_limit(const json::object& reply, const std::string& limit, std::int64_t value) {
  REQUIRE(reply.contains("error"));
  CHECK(reply.at("error") == "org.signet.Agent.LimitExceeded");
  CHECK(reply.at("parameters").at("limit") == json::string(limit));
  CHECK(reply.at("parameters").at("value") == value);
  CHECK_FALSE(reply.at("parameters").at("message").as_string().empty());
}

}  // namespace

TEST_CASE("frame-size: the largest frame is taken, one byte more is not") {
  ServerFixture server;
  RawClient client = server.connect();
  constexpr std::size_t kLimit = 256 * 1024;
  REQUIRE(client.send_frame(sized(kEcho, "text", kLimit)));
  CHECK_FALSE(client.reply().contains("error"));
  client.send_frame(sized(kEcho, "text", kLimit + 1));
  check_limit(client.reply(), "frame-size", kLimit);
  CHECK(client.at_end());
}

TEST_CASE("frame-size: a frame without an end is cut at the limit, not collected") {
  ServerFixture server;
  RawClient client = server.connect();
  const std::string junk(1024 * 1024, 'x');
  while (client.send(junk) && !client.anything_within(0ms)) {
  }
  check_limit(client.reply(), "frame-size", 256 * 1024);
}

TEST_CASE("metadata-frame-size: metadata may be 16 MiB, one byte more is not taken") {
  ServerFixture server;
  constexpr std::size_t kLimit = 16 * 1024 * 1024;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(sized("org.signet.Agent.SignMetadata", "signed", kLimit)));
  const json::object reply = client.reply();
  REQUIRE_FALSE(reply.contains("error"));
  CHECK(reply.at("parameters").at("size").as_int64() > static_cast<std::int64_t>(kLimit) - 100);
  client.send_frame(sized("org.signet.Agent.SignMetadata", "signed", kLimit + 1));
  check_limit(client.reply(), "metadata-frame-size", kLimit);
}

TEST_CASE("metadata-frame-size: another method does not get it by naming a large one") {
  ServerFixture server;
  RawClient client = server.connect();
  // An object key that looks like the method: enough to be read, not to be done.
  const std::string frame = R"({"method":")" + kEcho + R"(","parameters":{"text":")" +
                            std::string(300'000, 'x') + R"(","org.signet.Agent.SignMetadata":1}})";
  client.send_frame(frame);
  check_limit(client.reply(), "frame-size", 256 * 1024);

  RawClient other = server.connect();
  other.send_frame(R"({"parameters":{"org.signet.Agent.SignMetadata":1,"text":")" +
                   std::string(300'000, 'x') + R"("},"method":")" + kEcho + "\"}");
  check_limit(other.reply(), "frame-size", 256 * 1024);
  CHECK(other.at_end());
  CHECK(server.done() == 0);
}

TEST_CASE("depth: 16 levels are taken, 17 are not") {
  ServerFixture server;
  RawClient client = server.connect();
  const auto nested = [](std::size_t levels) {  // the frame and its parameters are two of them
    return R"({"method":"org.signet.Agent.Sum","parameters":{"numbers":)" + std::string(levels - 2, '[') +
           std::string(levels - 2, ']') + "}}";
  };
  REQUIRE(client.send_frame(nested(16)));
  CHECK(client.reply().at("error") ==
        "org.varlink.service.InvalidParameter");  // read, and no list of numbers
  REQUIRE(client.send_frame(nested(17)));
  check_limit(client.reply(), "depth", 16);
  CHECK(client.at_end());
}

TEST_CASE("connections: one too many gets an error, and a place when one is free") {
  Limits limits;
  limits.connections = 3;
  ServerFixture server(limits);
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(server.connect());
    REQUIRE(clients.back().send_frame(echo("in")));
    CHECK(text_of(clients.back().reply()) == "in");
  }
  RawClient fourth = server.connect();
  check_limit(fourth.reply(), "connections", 3);
  CHECK(fourth.at_end());
  clients.front().close();
  server.await_connections(2);
  RawClient fifth = server.connect();
  REQUIRE(fifth.send_frame(echo("in")));
  CHECK(text_of(fifth.reply()) == "in");
}

TEST_CASE("connections-per-uid: one too many gets an error") {
  Limits limits;
  limits.connections_per_uid = 2;
  ServerFixture server(limits);
  RawClient first = server.connect(), second = server.connect();
  server.await_connections(2);
  RawClient third = server.connect();
  check_limit(third.reply(), "connections-per-uid", 2);
  CHECK(third.at_end());
  REQUIRE(first.send_frame(echo("still here")));
  CHECK(text_of(first.reply()) == "still here");
}

TEST_CASE("waiting-calls: one too many gets Busy, and its connection stays") {
  Limits limits;
  limits.waiting_calls = 2;
  ServerFixture server(limits);
  RawClient first = server.connect(), second = server.connect(), third = server.connect();
  REQUIRE(first.send_frame(wait("1")));
  REQUIRE(second.send_frame(wait("2")));
  server.await_waiting(2);
  REQUIRE(third.send_frame(echo("3")));
  const json::object busy = third.reply();
  REQUIRE(busy.contains("error"));
  CHECK(busy.at("error") == "org.signet.Agent.Busy");
  CHECK(busy.at("parameters").at("retryAfterMs") == 1000);
  server.release();
  CHECK(text_of(first.reply()) == "1");
  CHECK(text_of(second.reply()) == "2");
  REQUIRE(third.send_frame(echo("3")));
  CHECK(text_of(third.reply()) == "3");
}

TEST_CASE("frame-deadline: a frame that does not end in time gets an error, after the replies before it") {
  Limits limits;
  limits.frame_deadline = 200ms;
  ServerFixture server(limits);
  RawClient idle = server.connect();  // has begun no frame: may stay for ever
  RawClient loris = server.connect();
  REQUIRE(loris.send_frame(wait("before")));
  server.await_waiting(1);
  const auto start = std::chrono::steady_clock::now();
  while (loris.send("{") && std::chrono::steady_clock::now() - start < 400ms)
    std::this_thread::sleep_for(20ms);
  server.release();
  CHECK(text_of(loris.reply()) == "before");
  check_limit(loris.reply(), "frame-deadline", 200);
  CHECK(loris.at_end());
  REQUIRE(idle.send_frame(echo("idle")));
  CHECK(text_of(idle.reply()) == "idle");
}

TEST_CASE("frame-deadline: counts from a frame's first byte, not from its last") {
  Limits limits;
  limits.frame_deadline = 300ms;
  ServerFixture server(limits);
  RawClient client = server.connect();
  for (int i = 0; i < 4; ++i) {  // each frame takes 100 ms, all together more than the deadline
    const std::string frame = echo("slow") + '\0';
    REQUIRE(client.send(frame.substr(0, 5)));
    std::this_thread::sleep_for(100ms);
    REQUIRE(client.send(frame.substr(5)));
    CHECK(text_of(client.reply()) == "slow");
  }
}

TEST_CASE("write-deadline: a client that does not read its replies is closed") {
  Limits limits;
  limits.write_deadline = 200ms;
  ServerFixture server(limits);
  RawClient client = server.connect();
  const std::string large = sized(kEcho, "text", 200'000);
  // Replies: 1 MB, more than a socket holds. The agent does not read on meanwhile, so it may be the sending
  // that fails.
  for (int i = 0; i < 5 && client.send_frame(large); ++i) {
  }
  server.await_connections(0);
}

TEST_CASE("write-deadline: a client that reads slowly is served") {
  Limits limits;
  limits.write_deadline = 5s;
  ServerFixture server(limits);
  RawClient client = server.connect();
  const std::string large = sized(kEcho, "text", 200'000);
  std::thread sending([&] {
    for (int i = 0; i < 5; ++i) client.send_frame(large);
  });
  std::this_thread::sleep_for(100ms);
  for (int i = 0; i < 5; ++i) CHECK(text_of(client.reply()).size() > 190'000);
  sending.join();
}

TEST_CASE("pipelined-calls: what is beyond the limit stays unread, and is answered in the end") {
  Limits limits;
  limits.pipelined_calls = 4;
  ServerFixture server(limits);
  RawClient client = server.connect();
  constexpr std::size_t kFrame = 16 * 1024;  // as much as the server reads at once
  std::string flood = wait("first") + std::string(kFrame - 1 - wait("first").size(), ' ') + '\0';
  constexpr int kCalls = 400;
  for (int i = 1; i < kCalls; ++i) {
    const std::string call = echo(std::to_string(i));
    flood += call + std::string(kFrame - 1 - call.size(), ' ') + '\0';
  }
  std::size_t sent = client.send_some(flood);
  server.await_waiting(1);
  std::this_thread::sleep_for(100ms);
  sent += client.send_some(std::string_view(flood).substr(sent));
  std::this_thread::sleep_for(100ms);
  const std::size_t settled = sent + client.send_some(std::string_view(flood).substr(sent));
  int kernel = 0;
  socklen_t size = sizeof kernel;
  REQUIRE(::getsockopt(client.fd(), SOL_SOCKET, SO_SNDBUF, &kernel, &size) == 0);
  // The call in progress, those read ahead, one read more; the rest is in the kernel's buffer.
  CHECK(settled <= (1 + 4 + 1) * kFrame + static_cast<std::size_t>(kernel));
  CHECK(settled < flood.size());

  server.release();
  std::thread rest([&] { client.send(std::string_view(flood).substr(settled)); });
  CHECK(text_of(client.reply()) == "first");
  for (int i = 1; i < kCalls; ++i) REQUIRE(text_of(client.reply()) == std::to_string(i));
  rest.join();
}

TEST_CASE("large-frames-per-uid: one too many waits unread until one is done") {
  Limits limits;
  limits.large_frames_per_uid = 1;
  limits.frame_deadline = 300ms;
  ServerFixture server(limits);
  RawClient first = server.connect(), second = server.connect();
  const std::string large = sized("org.signet.Agent.SignMetadata", "signed", 4 * 1024 * 1024);
  // The first is begun and not ended: it holds the only place until its deadline.
  REQUIRE(first.send(std::string_view(large).substr(0, 1024 * 1024)));
  std::this_thread::sleep_for(50ms);
  const std::size_t taken = second.send_some(large);
  CHECK(taken < 1024 * 1024);
  std::thread rest([&] { second.send(large.substr(taken) + '\0'); });
  check_limit(first.reply(), "frame-deadline", 300);
  CHECK_FALSE(second.reply().contains("error"));
  rest.join();
}

TEST_CASE("events: a client that lets them pile up is closed, and its handler runs on") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(call_json("org.signet.Agent.Stream", {{"count", 100'000}}, {{"more", true}})));
  server.await_connections(0);
  RawClient other = server.connect();
  REQUIRE(other.send_frame(echo("alive")));
  CHECK(text_of(other.reply()) == "alive");
}
