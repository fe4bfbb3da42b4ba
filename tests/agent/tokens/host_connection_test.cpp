// Calls over one connection to a host that is a script here: what it is asked, and what it answers when.
#include "agent/tokens/host_connection.h"

#include <sys/socket.h>
#include <array>

#include <catch2/catch.hpp>

#include "tests/agent/tokens/token_fixture.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;

namespace {

host::WipedBytes replies(const std::vector<std::uint32_t>& ids) {
  host::WipedBytes bytes;
  for (const std::uint32_t id : ids) {
    host::SignReply reply;
    reply.signature = Bytes(64, static_cast<std::uint8_t>(id));
    const auto frame = host::encode_reply(id, host::Reply(std::move(reply)));
    REQUIRE(frame.has_value());
    bytes.insert(bytes.end(), frame->begin(), frame->end());
  }
  return bytes;
}

struct ScriptedHost {
  ScriptedHost() {
    auto ends = socket_pair(SOCK_STREAM);
    REQUIRE(ends);
    far = std::move(ends->second);
    connection.emplace(io.get_executor(), std::move(ends->first));
  }

  void call(const host::Request& request) {
    const std::size_t place = answers.size();
    answers.emplace_back();
    boost::asio::co_spawn(io, connection->call(request),
                          [this, place](std::exception_ptr, HostAnswer answer) {
                            answers[place] = std::move(answer);
                            order.push_back(place);
                          });
    run_for(io, 5ms);
  }
  // As one write.
  void answer(const std::vector<std::uint32_t>& ids) { write(replies(ids)); }
  void write(const host::WipedBytes& bytes) {
    REQUIRE(::send(far.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
    run_for(io, 5ms);
  }
  // The whole requests that have come so far.
  std::size_t requests() {
    std::array<std::uint8_t, 65536> buffer{};
    const ssize_t got = ::recv(far.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) seen.insert(seen.end(), buffer.begin(), buffer.begin() + got);
    std::size_t count = 0;
    for (std::size_t at = 0; at + host::kHeaderSize <= seen.size(); ++count) {
      const auto header = host::decode_header(BytesView(seen).subspan(at, host::kHeaderSize));
      REQUIRE(header.has_value());
      at += host::kHeaderSize + header->length;
      if (at > seen.size()) break;
    }
    return count;
  }
  // "1" where the answer was the first one's signature, or why there is none, or "" while it is waited for.
  std::string told(std::size_t place) const {
    if (!answers[place]) return "";
    if (const auto* lost = std::get_if<HostLost>(&*answers[place])) return lost->why;
    if (const auto* fault = std::get_if<host::Fault>(&*answers[place])) return fault->detail;
    const auto& made = std::get<host::SignReply>(std::get<host::Reply>(*answers[place]));
    return std::to_string(made.signature.at(0));
  }

  boost::asio::io_context io;
  FileDescriptor far;
  std::optional<HostConnection> connection;
  std::vector<std::optional<HostAnswer>> answers;
  std::vector<std::size_t> order;
  Bytes seen;
};

host::Request sign(std::size_t size = 32) {
  host::SignRequest request;
  request.input = Bytes(size, 7);
  return host::Request(std::move(request));
}

}  // namespace

TEST_CASE("a request is sent while another waits for its reply, and replies come in order") {
  ScriptedHost host;
  const host::Request request = sign();
  for (int call = 0; call < 3; ++call) host.call(request);
  CHECK(host.requests() == 3);
  host.answer({1});
  CHECK(host.order == std::vector<std::size_t>{0});
  host.answer({2, 3});  // read at once
  CHECK(host.order == std::vector<std::size_t>{0, 1, 2});
  for (std::size_t call = 0; call < 3; ++call) CHECK(host.told(call) == std::to_string(call + 1));
  host.call(request);
  host.answer({4});
  CHECK(host.told(3) == "4");
}

TEST_CASE("a reply that comes in pieces, and behind another, is whole") {
  ScriptedHost host;
  const host::Request request = sign();
  host.call(request);
  host.call(request);
  const host::WipedBytes bytes = replies({1, 2});
  for (const std::uint8_t byte : bytes) host.write(host::WipedBytes(1, byte));
  CHECK(host.told(0) == "1");
  CHECK(host.told(1) == "2");
}

TEST_CASE("the end of a host is told to every call that is under way") {
  ScriptedHost host;
  const host::Request request = sign();
  for (int call = 0; call < 3; ++call) host.call(request);
  host.answer({1});
  host.far.reset();
  run_for(host.io, 5ms);
  CHECK(host.told(0) == "1");
  CHECK(host.told(1) == "the token host has ended");
  CHECK(host.told(2) == "the token host has ended");
  host.call(request);
  CHECK(host.told(3) == "the token host has ended");
}

TEST_CASE("shut_down() ends all calls") {
  ScriptedHost host;
  const host::Request request = sign();
  host.call(request);
  host.call(request);
  host.connection->shut_down();
  run_for(host.io, 5ms);
  CHECK(host.told(0) == "the token host has ended");
  CHECK(host.told(1) == "the token host has ended");
}

TEST_CASE("what answers another request, or nobody's, is no reply") {
  const host::Request request = sign();
  SECTION("out of order") {
    ScriptedHost host;
    host.call(request);
    host.call(request);
    host.answer({2});
    CHECK(host.told(0) == "the token host answered another request");
  }
  SECTION("one too many") {
    ScriptedHost host;
    host.call(request);
    host.answer({1, 2});
    CHECK(host.told(0) == "the token host wrote more than one reply");
  }
}

TEST_CASE("a request that is too long for a frame harms no other") {
  ScriptedHost host;
  const host::Request request = sign();
  host::SignRequest list;
  list.further.resize(host::kMaxListLength + 1);
  const host::Request too_long(std::move(list));
  host.call(request);
  host.call(too_long);
  CHECK_FALSE(host.told(1).empty());
  host.call(request);
  host.answer({1, 2});
  CHECK(host.told(0) == "1");
  CHECK(host.told(2) == "2");
}

TEST_CASE("requests that do not fit the socket's buffer are sent one after the other") {
  ScriptedHost host;
  const host::Request large = sign(200'000), small = sign();
  for (int call = 0; call < 4; ++call) host.call(call % 2 == 0 ? large : small);
  for (int look = 0; look < 200 && host.requests() < 4; ++look) run_for(host.io, 1ms);
  CHECK(host.requests() == 4);
  host.answer({1, 2, 3, 4});
  for (std::size_t call = 0; call < 4; ++call) CHECK(host.told(call) == std::to_string(call + 1));
}
