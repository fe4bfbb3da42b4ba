// Frames of many kilobytes are parsed beside the loop: what that changes for their clients and for the
// others. The bench is held up, so that nothing here depends on how fast anything is.
#include <catch2/catch.hpp>

#include "server_fixture.h"

using signet::Limits;
using signet::Workbench;
using signet::test::call_json;
using signet::test::RawClient;
using signet::test::ServerFixture;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t MiB = 1024 * 1024;
constexpr const char* kEcho = "org.signet.Agent.Echo";
constexpr const char* kSign = "org.signet.Agent.SignMetadata";

std::string echo(const std::string& text) {
  return call_json(kEcho, {{"text", text}});
}
std::string metadata(std::size_t size) {
  return call_json(kSign, {{"signed", std::string(size, 'x')}});
}
std::string text_of(RawClient& client) {
  return std::string(client.reply().at("parameters").at("text").as_string());
}
std::int64_t size_of(RawClient& client) {
  return client.reply().at("parameters").at("size").as_int64();
}

}  // namespace

TEST_CASE("others are served while a large frame is parsed") {
  ServerFixture server;
  const auto release = server.hold_bench();
  RawClient large = server.connect(), other = server.connect();
  REQUIRE(large.send_frame(metadata(10 * MiB)));
  for (int i = 0; i < 100; ++i) {
    REQUIRE(other.send_frame(echo(std::to_string(i))));
    REQUIRE(text_of(other) == std::to_string(i));
  }
  CHECK_FALSE(large.anything_within(50ms));
  release();
  CHECK(size_of(large) == 10 * MiB);
}

TEST_CASE("a frame is parsed beside the loop from its edge on") {
  ServerFixture server;
  const auto release = server.hold_bench();
  RawClient small = server.connect(), large = server.connect();
  const std::size_t around = echo("").size();
  REQUIRE(large.send_frame(echo(std::string(Workbench::kSmall - around + 1, 'x'))));
  REQUIRE(small.send_frame(echo(std::string(Workbench::kSmall - around, 'x'))));
  CHECK(text_of(small).size() == Workbench::kSmall - around);
  CHECK_FALSE(large.anything_within(50ms));
  release();
  CHECK(text_of(large).size() == Workbench::kSmall - around + 1);
}

TEST_CASE("calls behind a large one are answered after it") {
  ServerFixture server;
  const auto release = server.hold_bench();
  RawClient client = server.connect();
  REQUIRE(client.send(metadata(MiB) + '\0' + echo("behind it") + '\0'));
  CHECK_FALSE(client.anything_within(50ms));
  release();
  CHECK(size_of(client) == MiB);
  CHECK(text_of(client) == "behind it");
}

TEST_CASE("a large call whose client leaves before it is parsed is not begun") {
  ServerFixture server;
  const auto release = server.hold_bench();
  {
    RawClient client = server.connect();
    REQUIRE(client.send_frame(metadata(MiB)));
    server.await_connections(1);
    std::this_thread::sleep_for(50ms);
  }
  std::this_thread::sleep_for(50ms);
  CHECK(server.connections() == 1);  // its frame is on the bench
  release();
  server.await_connections(0);
  CHECK(server.done() == 0);
}

TEST_CASE("draining waits for a large call that is being parsed") {
  ServerFixture server;
  const auto release = server.hold_bench();
  RawClient client = server.connect();
  REQUIRE(client.send_frame(metadata(MiB)));
  server.await_connections(1);
  std::this_thread::sleep_for(50ms);
  server.drain(10s);
  CHECK_FALSE(client.anything_within(50ms));
  CHECK_FALSE(server.drained());
  release();
  CHECK(size_of(client) == MiB);
  CHECK(client.at_end());
}

TEST_CASE("draining gives up a large call that is being parsed at its deadline") {
  ServerFixture server;
  const auto release = server.hold_bench();
  RawClient client = server.connect();
  REQUIRE(client.send_frame(metadata(MiB)));
  server.await_connections(1);
  std::this_thread::sleep_for(50ms);
  server.drain(50ms);
  CHECK(client.at_end());
  release();
  server.await_connections(0);
  CHECK(server.done() == 0);
}

TEST_CASE("large-frames-per-uid holds while a frame waits to be parsed") {
  Limits limits;
  limits.large_frames_per_uid = 1;
  ServerFixture server(limits);
  const auto release = server.hold_bench();
  RawClient first = server.connect(), second = server.connect();
  REQUIRE(first.send_frame(metadata(4 * MiB)));
  std::this_thread::sleep_for(50ms);
  const std::string large = metadata(4 * MiB) + '\0';
  const std::size_t taken = second.send_some(large);
  CHECK(taken < MiB);
  std::thread rest([&] { second.send(large.substr(taken)); });
  CHECK_FALSE(second.anything_within(100ms));
  release();
  CHECK(size_of(first) == 4 * MiB);
  CHECK(size_of(second) == 4 * MiB);
  rest.join();
}

TEST_CASE("large frames that are no calls get their error") {
  ServerFixture server;
  RawClient client = server.connect();
  REQUIRE(client.send_frame(metadata(MiB) + "garbage"));
  CHECK(client.reply().contains("error"));
  CHECK(client.at_end());
}
