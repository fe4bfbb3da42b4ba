// How libsignet holds itself against an agent that does not behave.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <future>

#include "client/connection.h"
#include "client/signet.h"
#include "tests/client/fake_agent.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::client;
using namespace signet::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kStatus =
    R"({"parameters":{"version":"9","pid":7,"started":"s","socket":"x","state":"y","ledger":null,"modules":[],"connections":1}})";

ConnectOptions options_for(const FakeAgent& agent, std::chrono::milliseconds deadline = 5s) {
  ConnectOptions options;
  options.socket = agent.socket();
  options.call_deadline = deadline;
  options.token_deadline = deadline;
  return options;
}

Agent connected(const FakeAgent& agent, std::chrono::milliseconds deadline = 5s) {
  auto client = Agent::connect(options_for(agent, deadline));
  REQUIRE(client);
  return std::move(*client);
}

std::string why(const Error& error) {
  if (error.name != ErrorName::ConnectionFailed)
    return std::string(short_name(error.name)) + ": " + error.message;
  return std::string(error.parameters.at("why").as_string());
}

// What a call comes to where the agent answers it like this and then waits.
std::string answered_with(std::string bytes, std::chrono::milliseconds deadline = 5s) {
  FakeAgent agent([bytes](FakeClient& client, int) {
    client.read();
    client.send(bytes);
    client.read();
  });
  const auto status = connected(agent, deadline).status();
  return status ? "a value" : why(status.error());
}

}  // namespace

TEST_CASE("no agent: the error says how to start one") {
  ScratchDir scratch;
  ConnectOptions options;
  options.socket = scratch / "agent.sock";
  const auto absent = Agent::connect(options);
  REQUIRE_FALSE(absent);
  CHECK(why(absent.error()) == "not-running");
  CHECK(absent.error().message.find("signetd") != std::string::npos);
  CHECK(absent.error().message.find(options.socket->string()) != std::string::npos);
}

TEST_CASE("a socket that nobody listens at any more is no agent") {
  ScratchDir scratch;
  ConnectOptions options;
  options.socket = scratch / "stale.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, options.socket->c_str(), sizeof address.sun_path - 1);
  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(stale);
  CHECK(why(Agent::connect(options).error()) == "not-running");
}

TEST_CASE("a path that no socket can have is refused before connecting") {
  ConnectOptions options;
  options.socket = "/" + std::string(200, 'x');
  CHECK(why(Agent::connect(options).error()) == "address");
  options.socket = "";
  CHECK(why(Agent::connect(options).error()) == "address");
}

TEST_CASE("a listener that accepts nobody: connecting ends at its deadline") {
  ScratchDir scratch;
  ConnectOptions options;
  options.socket = scratch / "full.sock";
  options.connect_deadline = 200ms;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, options.socket->c_str(), sizeof address.sun_path - 1);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener, 0) == 0);
  std::vector<Agent> waiting;
  for (;;) {
    const auto begin = std::chrono::steady_clock::now();
    auto next = Agent::connect(options);
    if (next) {
      waiting.push_back(std::move(*next));
      REQUIRE(waiting.size() < 10);
      continue;
    }
    CHECK(why(next.error()) == "deadline");
    CHECK(std::chrono::steady_clock::now() - begin >= 200ms);
    break;
  }
  ::close(listener);
}

TEST_CASE("a reply may come in any pieces") {
  FakeAgent agent([](FakeClient& client, int) {
    while (client.read()) {
      const std::string frame = std::string(kStatus) + '\0';
      for (const char c : frame)
        if (!client.send(std::string_view(&c, 1))) return;
    }
  });
  Agent client = connected(agent);
  for (int call = 0; call < 3; ++call) {
    const auto status = client.status();
    REQUIRE(status);
    CHECK(status->version == "9");
    CHECK(status->pid == 7);
    CHECK_FALSE(status->ledger);
  }
  CHECK(agent.connections() == 1);
}

TEST_CASE("what is no reply is malformed") {
  using namespace std::string_literals;
  CHECK(answered_with("hello\0"s) == "malformed");
  CHECK(answered_with("\0"s) == "malformed");
  CHECK(answered_with("[]\0"s) == "malformed");
  CHECK(answered_with("{\"parameters\": 7}\0"s) == "malformed");
  CHECK(answered_with("{\"parameters\": {}}\0"s) == "malformed");  // members missing
  CHECK(answered_with("{\"parameters\": {\"version\": 9}}\0"s) == "malformed");
  CHECK(answered_with("{\"parameters\":{}, \"parameters\":{}}\0"s) == "malformed");
  CHECK(answered_with("\xff\xfe\0"s) == "malformed");
  CHECK(answered_with("{\"parameters\":" + std::string(40, '[') + std::string(40, ']') + "}\0"s) ==
        "malformed");
}

TEST_CASE("several replies where one was asked for are malformed") {
  using namespace std::string_literals;
  CHECK(answered_with("{\"parameters\": {}, \"continues\": true}\0"s) == "malformed");
}

TEST_CASE("half a reply is no reply") {
  CHECK(answered_with("{\"parameters\": ", 200ms) == "deadline");
  FakeAgent agent([](FakeClient& client, int) {
    client.read();
    client.send("{\"parameters\": ");
  });
  CHECK(why(connected(agent).status().error()) == "closed");
}

TEST_CASE("an agent that ends in the middle of a call") {
  FakeAgent agent([](FakeClient& client, int) { client.read(); });
  const auto status = connected(agent).status();
  REQUIRE_FALSE(status);
  CHECK(why(status.error()) == "closed");
  CHECK(status.error().message.find("again") != std::string::npos);
}

TEST_CASE("a reply beyond every limit is cut off") {
  FakeAgent agent([](FakeClient& client, int) {
    client.read();
    const std::string part(1 << 20, ' ');
    while (client.send(part)) {
    }
  });
  CHECK(why(connected(agent, 60s).status().error()) == "too-large");
}

TEST_CASE("a reply as large as metadata may be is read") {
  const std::string payload(24 << 20, 'x');
  FakeAgent agent(always(R"({"error":"org.signet.Agent.VersionConflict","parameters":{"payload":")" +
                         payload + R"(","message":"m"}})"));
  const auto status = connected(agent, 60s).status();
  REQUIRE_FALSE(status);
  CHECK(status.error().name == ErrorName::VersionConflict);
  CHECK(status.error().parameters.at("payload").as_string().size() == payload.size());
}

TEST_CASE("after a deadline the next call gets its own reply, on a new connection") {
  FakeAgent agent([](FakeClient& client, int number) {
    client.read();
    // The first caller is answered when it has gone.
    if (number == 0) client.read();
    client.reply(number == 0
                     ? R"({"error":"org.signet.Agent.Internal","parameters":{"message":"of the first call"}})"
                     : kStatus);
    client.read();
  });
  Agent client = connected(agent, 1s);
  CHECK(why(client.status().error()) == "deadline");
  CHECK(client.status());
  CHECK(agent.connections() == 2);
}

TEST_CASE("what arrives without a call is not taken for the next call's reply") {
  using namespace std::string_literals;
  FakeAgent agent([](FakeClient& client, int number) {
    const std::string unasked =
        R"({"error":"org.signet.Agent.Internal","parameters":{"message":"nobody asked"}})" + "\0"s;
    while (client.read())
      if (!client.send(kStatus + "\0"s + (number == 0 ? unasked : ""))) return;
  });
  Agent client = connected(agent);
  CHECK(client.status());
  CHECK(client.status());
  CHECK(agent.connections() == 2);
}

TEST_CASE("an agent that was started again is connected to again") {
  FakeAgent agent([](FakeClient& client, int) {
    client.read();
    client.reply(kStatus);
  });
  Agent client = connected(agent);
  CHECK(client.status());
  agent.wait_until_closed();
  CHECK(client.status());
  CHECK(agent.connections() == 2);
}

TEST_CASE("why the agent closes is told, also when it said so before the first call") {
  FakeAgent agent([](FakeClient& client, int) {
    client.reply(
        R"({"error":"org.signet.Agent.LimitExceeded","parameters":{"limit":"connections","value":1,"message":"full"}})");
  });
  Agent client = connected(agent);
  agent.wait_until_closed();
  const auto status = client.status();
  REQUIRE_FALSE(status);
  CHECK(status.error().name == ErrorName::LimitExceeded);
  CHECK(status.error().message == "full");
}

TEST_CASE("an agent that does not read: sending ends at the deadline") {
  std::promise<void> over;
  FakeAgent agent([done = over.get_future().share()](FakeClient&, int) { done.wait(); });
  Agent client = connected(agent, 300ms);
  SignMetadataCall call;
  call.signed_bytes.assign(8 << 20, ' ');
  CHECK(why(client.sign_metadata(call).error()) == "deadline");
  over.set_value();
}
