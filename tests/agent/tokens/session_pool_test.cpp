// The sessions of one token: fair turns, Busy with a time, deadlines in the queue, how many there can be.
#include <map>

#include "agent/tokens/turn_size.h"
#include "tests/agent/tokens/shim_fixture.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

// Signs as that process of that user, and writes down who was served.
struct Clients {
  explicit Clients(ShimFixture& fixture_in) : fixture(fixture_in) {}

  void ask(uid_t uid, pid_t process, int count = 1) {
    for (int call = 0; call < count; ++call) {
      Waiting waiting;
      waiting.client.uid = uid;
      waiting.client.process = process;
      auto& tokens = *fixture.tokens;
      boost::asio::co_spawn(tokens.io,
                            tokens.service->sign(location_of(fixture.alpha), TokenMechanism::Ecdsa, Bytes(32),
                                                 std::move(waiting)),
                            [this, process](std::exception_ptr, Result<TokenSignature> result) {
                              order.push_back(process);
                              results.push_back(std::move(result));
                            });
      ++asked;
    }
  }
  void finish() {
    while (results.size() < asked) run_for(fixture.tokens->io, 10ms);
  }
  std::size_t refused() const {
    return static_cast<std::size_t>(std::ranges::count_if(results, [](const auto& one) { return !one; }));
  }
  Error first_error() const {
    return std::ranges::find_if(results, [](const auto& one) { return !one; })->error();
  }

  ShimFixture& fixture;
  std::vector<pid_t> order;
  std::vector<Result<TokenSignature>> results;
  std::size_t asked = 0;
};

std::int64_t retry_after_ms(const Error& error) {
  return error.parameters.at("retryAfterMs").as_int64();
}

}  // namespace

TEST_CASE("a client with many calls waiting does not hold up another") {
  ShimFixture fixture(true, [](ModuleConfig& module) { module.sessions = 2; });
  fixture.warm();
  fixture.shim.set("C_Sign * delay 5");
  Clients clients(fixture);
  clients.ask(1, 10, 200);
  run_for(fixture.tokens->io, 20ms);
  clients.ask(1, 11);
  clients.ask(2, 12);
  clients.finish();
  CHECK(clients.refused() == 0);
  for (const pid_t other : {11, 12}) {
    const auto place = std::ranges::find(clients.order, other) - clients.order.begin();
    CHECK(place < 40);  // in order of asking it would be the 201st
  }
}

TEST_CASE("a full queue says Busy, and when to try again by how fast the token is") {
  ShimFixture fixture(true, [](ModuleConfig& module) {
    module.sessions = 2;
    module.queue = 8;
  });
  std::map<int, std::int64_t> told;
  for (const int delay : {20, 200}) {
    fixture.warm();
    fixture.shim.set("C_Sign * delay " + std::to_string(delay));
    Clients clients(fixture);
    clients.ask(1, 10, 8);
    clients.finish();
    CHECK(clients.refused() == 0);
    clients.ask(1, 10, 10 + 3);  // two are served, eight wait
    clients.finish();
    CHECK(clients.refused() == 3);
    CHECK(clients.first_error().name == ErrorName::Busy);
    told[delay] = retry_after_ms(clients.first_error());
  }
  CHECK(told[20] >= 30);  // five rounds of 20 ms, as far as it has learned that yet
  CHECK(told[20] < 600);
  CHECK(told[200] > 2 * told[20]);
}

TEST_CASE("a call that waits too long for its turn gets Busy, and the token goes on") {
  ShimFixture fixture(true, [](ModuleConfig& module) {
    module.sessions = 1;
    module.deadlines.queue = 300ms;
  });
  fixture.warm();
  fixture.shim.set("C_Sign * delay 1000");
  REQUIRE(fixture.sign());  // now it is known to be slow
  Clients clients(fixture);
  clients.ask(1, 10);
  clients.ask(2, 20);
  clients.finish();
  CHECK(clients.refused() == 1);
  const Error error = clients.first_error();
  CHECK(error.name == ErrorName::Busy);
  CHECK(error.message.find("turn has not come") != std::string::npos);
  fixture.shim.set("");
  CHECK(fixture.sign());
  CHECK(fixture.shim.calls("C_Initialize") == 0);  // nobody was killed for it
}

TEST_CASE("many sessions are opened side by side") {
  ShimFixture fixture(true, [](ModuleConfig& module) { module.sessions = 64; });
  fixture.warm();
  fixture.shim.set("C_OpenSession * delay 100\nC_Sign * delay 100");
  REQUIRE(fixture.sign());  // now it is known to be slow
  Clients clients(fixture);
  const auto start = Clock::now();
  for (pid_t process = 1; process <= 64; ++process) clients.ask(1, process);
  clients.finish();
  CHECK(clients.refused() == 0);
  CHECK(fixture.shim.calls("C_OpenSession") >= 60);
  CHECK(Clock::now() - start < 5s);  // one after the other: more than 6 s
}

TEST_CASE("a fast token's sessions that hang do not hold up calls that come later") {
  ShimFixture fixture(true, [](ModuleConfig& module) { module.sessions = 4; });
  fixture.warm();
  for (int call = 0; call < 20; ++call) REQUIRE(fixture.sign());
  fixture.shim.set("C_Sign 1-2 delay 3000");
  Clients clients(fixture);
  for (pid_t hung = 1; hung <= 2; ++hung) {
    clients.ask(1, hung);
    while (fixture.shim.calls("C_Sign") < static_cast<std::uint64_t>(hung)) run_for(fixture.tokens->io, 5ms);
    run_for(fixture.tokens->io, 50ms);
  }
  for (pid_t process = 3; process <= 6; ++process) clients.ask(1, process);
  clients.finish();
  CHECK(clients.refused() == 0);
  REQUIRE(clients.order.size() == 6);
  CHECK(std::all_of(clients.order.begin(), clients.order.begin() + 4, [](pid_t one) { return one > 2; }));
}

TEST_CASE("a fast token's session that hangs holds up some of those that came with it, not all") {
  ShimFixture fixture(true, [](ModuleConfig& module) { module.sessions = 4; });
  fixture.warm();
  for (int call = 0; call < 20; ++call) REQUIRE(fixture.sign());
  fixture.shim.set("C_Sign 1 delay 3000");
  Clients clients(fixture);
  constexpr pid_t kMany = 64;
  for (pid_t process = 1; process <= kMany; ++process) clients.ask(1, process);
  run_for(fixture.tokens->io, 1500ms);
  CHECK(clients.order.size() >= kMany - 2 * kMostInTurn);
  clients.finish();
  CHECK(clients.refused() == 0);
}

TEST_CASE("as many sessions as the token has room for are used, and no further one is asked for") {
  ShimFixture fixture(true, [](ModuleConfig& module) { module.sessions = 16; });
  fixture.warm();
  fixture.cold();
  fixture.shim.set("C_OpenSession 6+ fail 0xb1\nC_Sign * delay 20");
  Clients clients(fixture);
  clients.ask(1, 10, 64);
  clients.finish();
  CHECK(clients.refused() == 0);
  const auto tried = fixture.shim.calls("C_OpenSession");
  clients.ask(1, 10, 64);
  clients.finish();
  CHECK(clients.refused() == 0);
  CHECK(fixture.shim.calls("C_OpenSession") == tried);
}
