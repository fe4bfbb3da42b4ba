// A session of a token that is quick takes the next call before the one that has it has ended.
#include "agent/tokens/session_pool.h"

#include <boost/asio/detached.hpp>
#include <set>
#include <thread>

#include "agent/tokens/turn_size.h"
#include "tests/agent/tokens/token_fixture.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;

namespace {

// The pool of a real host over SoftHSM. Leases are held by hand; no request is sent, so the token is as quick
// as this program gives them back.
struct PoolFixture {
  explicit PoolFixture(std::size_t sessions) {
    hsm.add_token("alpha");
    HostLaunch launch;
    launch.program = host_path();
    launch.module = softhsm_module(hsm);
    launch.about = "token host";
    auto started = HostProcess::start(io.get_executor(), std::move(launch), std::make_shared<ModuleLoad>());
    REQUIRE(started);
    host::TokenIdentity token;
    token.label = "alpha";
    token.serial = TokenFixture({softhsm_module(hsm)}).described("alpha").serial;
    PoolLimits limits;
    limits.sessions = sessions;
    limits.patience = 1500ms;
    pool = std::make_shared<SessionPool>(io.get_executor(), *started, token, limits);
    (void)ask(false);
    finish();
    REQUIRE(held.back());
    held.clear();
    be_quick();
  }
  ~PoolFixture() {
    held.clear();
    pool->close();
    pool->host()->stop("the test is over");
    run(io, pool->host()->gone());
  }

  // Now it is known to be quick, and nobody has waited long.
  void be_quick() {
    for (int lease = 0; lease < 3; ++lease) {
      const std::size_t place = ask(false);
      finish();
      held[place]->made(1, 200us);
      held[place].reset();
    }
  }
  // Its place in `held`, which is filled when it has its session.
  std::size_t ask(bool shares) {
    const std::size_t place = held.size();
    held.emplace_back();
    ++open;
    LeaseAsk ask;
    ask.client.process = static_cast<pid_t>(place);
    ask.shares = shares;
    if (shares && pool->must_wait(true)) ask.errand = std::make_shared<FairQueue::Errand>();
    boost::asio::co_spawn(io, take(place, std::move(ask)), boost::asio::detached);
    io.restart();
    io.poll();
    return place;
  }
  boost::asio::awaitable<void> take(std::size_t place, LeaseAsk ask) {
    SessionPool::Leased leased = co_await pool->lease(std::move(ask));
    --open;
    if (auto* lease = std::get_if<SessionLease>(&leased))
      held[place].emplace(std::move(*lease));
    else
      refused.push_back(place);
  }
  void finish() {
    io.restart();
    while (open > 0 && io.run_one() > 0) {
    }
  }
  void poll() {
    io.restart();
    io.poll();
  }
  HostConnection* connection(std::size_t place) { return &held[place]->connection(); }

  SoftHsm hsm;
  boost::asio::io_context io;
  std::shared_ptr<SessionPool> pool;
  std::vector<std::optional<SessionLease>> held;
  std::vector<std::size_t> refused;
  std::size_t open = 0;
};

}  // namespace

TEST_CASE("a local token gets its part of the processors, and one session at least") {
  CHECK(useful_shared_sessions(4, 2, 60us) == 1);
  CHECK(useful_shared_sessions(4, 2, 100us) == 1);
  CHECK(useful_shared_sessions(4, 2, 101us) == 2);  // as much as all else: half of two processors
  CHECK(useful_shared_sessions(4, 2, 999us) == 2);
  CHECK(useful_shared_sessions(4, 1, 400us) == 1);
  CHECK(useful_shared_sessions(64, 16, 60us) == 6);
  CHECK(useful_shared_sessions(2, 16, 60us) == 2);
}

TEST_CASE("quick work of this machine is told from what is waited for") {
  CHECK(is_quick_work(60us, 55us));
  CHECK(is_quick_work(60us, 30us));
  CHECK_FALSE(is_quick_work(60us, 29us));  // an HSM in the next rack
  CHECK_FALSE(is_quick_work(60us, 0us));   // not known
  CHECK_FALSE(is_quick_work(0us, 60us));
  CHECK(is_quick_work(999us, 999us));
  CHECK_FALSE(is_quick_work(1000us, 1000us));  // SoftHSM's RSA-4096
}

TEST_CASE("the least time is that of signatures that nobody disturbed, and is forgotten in time") {
  ServiceTime time;
  CHECK(time.least() == 0us);
  time.add_signature(300us, 50us);
  time.add_signature(60us, 50us);
  time.add_signature(5000us, 50us);
  CHECK(time.least() == 61us);
  time.add(1us);  // the host had it at hand: no signature
  CHECK(time.least() == 61us);
  CHECK(time.processor() == 50us);
  time.add_signature(3us, 50us);  // its reply was read late, together with the one before
  CHECK(time.least() == 50us);
  for (int call = 0; call < 500; ++call) time.add_signature(5000us, 50us);
  CHECK(time.least() == 5000us);
}

TEST_CASE("two calls share the session of a quick token, and a third waits for it") {
  PoolFixture fixture(1);
  const auto first = fixture.ask(true), second = fixture.ask(true), third = fixture.ask(true);
  REQUIRE(fixture.held[first]);
  REQUIRE(fixture.held[second]);
  CHECK(fixture.connection(first) == fixture.connection(second));
  CHECK_FALSE(fixture.held[third]);
  fixture.held[first].reset();
  fixture.poll();
  REQUIRE(fixture.held[third]);
  CHECK(fixture.connection(third) == fixture.connection(second));
  CHECK(fixture.pool->lent() == 2);
}

TEST_CASE("calls that can share a turn follow one when they are as many as it has signatures") {
  PoolFixture fixture(1);
  const auto first = fixture.ask(true);
  fixture.held[first]->will_serve(3);
  const auto second = fixture.ask(true), third = fixture.ask(true);
  CHECK_FALSE(fixture.held[second]);
  CHECK_FALSE(fixture.held[third]);
  const auto fourth = fixture.ask(true);
  fixture.poll();
  CHECK(fixture.held[second]);  // which takes the others' errands along
  CHECK_FALSE(fixture.held[third]);
  CHECK_FALSE(fixture.held[fourth]);
  CHECK(fixture.pool->waiting() == 2);
}

TEST_CASE("all that is under way or waits is shared out over a turn and the one that follows it") {
  PoolFixture fixture(1);
  const auto taken_along = [&] {
    return fixture.pool->take_errands([](const auto&) { return true; }).size();
  };
  const auto first = fixture.ask(true);
  fixture.held[first]->will_serve(2);
  for (int call = 0; call < 8; ++call) fixture.ask(true);
  fixture.poll();
  REQUIRE(fixture.pool->lent() == 2);  // the second call follows, with 2 under way before it
  CHECK(taken_along() == 4);           // of ten, five are its own turn
  fixture.held[first]->will_serve(3);  // as if it were the second, with three waiting now
  CHECK(taken_along() == 3);           // of seven, four: all that wait
  CHECK(fixture.pool->waiting() == 0);
}

TEST_CASE("a call that shares with nobody follows at once") {
  PoolFixture fixture(1);
  const auto first = fixture.ask(true);
  fixture.held[first]->will_serve(16);
  const auto second = fixture.ask(false);
  CHECK(fixture.held[second]);
}

TEST_CASE("nobody follows a call on a session that is to be closed, and a new one is opened") {
  PoolFixture fixture(1);
  const auto first = fixture.ask(true), second = fixture.ask(true);
  HostConnection* const closed = fixture.connection(first);
  fixture.held[first]->drop();
  fixture.held[first].reset();
  const auto third = fixture.ask(true);
  CHECK_FALSE(fixture.held[third]);
  CHECK(fixture.connection(second) == closed);  // it stays for the one that has it
  fixture.held[second].reset();
  fixture.finish();
  REQUIRE(fixture.held[third]);
  CHECK(fixture.pool->idle() == 0);
  CHECK(fixture.pool->lent() == 1);
}

TEST_CASE("a pause waits for those that follow, too") {
  PoolFixture fixture(1);
  const auto first = fixture.ask(true), second = fixture.ask(true);
  bool paused = false;
  boost::asio::co_spawn(fixture.io, fixture.pool->pause(), [&](std::exception_ptr) { paused = true; });
  fixture.poll();
  const auto third = fixture.ask(true);
  fixture.held[first].reset();
  fixture.poll();
  CHECK_FALSE(paused);
  fixture.held[second].reset();
  fixture.poll();
  CHECK(paused);
  CHECK_FALSE(fixture.held[third]);
  fixture.pool->resume();
  fixture.poll();
  CHECK(fixture.held[third]);
}

TEST_CASE(
    "where none comes back, those that wait get other sessions by themselves, as far as there are any") {
  PoolFixture fixture(2);
  std::vector<std::size_t> calls;
  for (int call = 0; call < 5; ++call) calls.push_back(fixture.ask(true));
  fixture.finish();  // nothing happens but time
  std::set<HostConnection*> used;
  std::size_t served = 0;
  for (const std::size_t call : calls) {
    if (!fixture.held[call]) continue;
    ++served;
    used.insert(fixture.connection(call));
  }
  CHECK(used.size() == 2);
  CHECK(served == 4);
  CHECK(fixture.refused.size() == calls.size() - served);  // patience is over
}

TEST_CASE("a token that is not quick any more has a call on a session at a time") {
  PoolFixture fixture(1);
  for (int lease = 0; lease < 500; ++lease) {  // as if each had taken that long
    fixture.held.clear();
    const auto place = fixture.ask(false);
    fixture.finish();
    std::this_thread::sleep_for(kQuickToken);
    fixture.held[place]->made(1, 200us);
    fixture.held[place].reset();
  }
  const auto first = fixture.ask(true), second = fixture.ask(true);
  CHECK(fixture.held[first]);
  CHECK_FALSE(fixture.held[second]);
}
