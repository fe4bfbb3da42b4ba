// Tokens that are passed over, and how they come back.
#include "agent/tokens/place_health.h"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "tests/agent/tokens/token_fixture.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;

namespace {

const Bytes kKey{1, 2, 3}, kOtherKey{4, 5};

KeyPlace on(const std::string& label) {
  KeyPlace place;
  place.token_label = label;
  place.token_serial = std::string(1, '1');
  return place;
}

struct Watched {
  boost::asio::io_context io{1};
  int probes = 0;
  std::optional<Error> broken = Error(ErrorName::TokenFault, "still broken");
  std::shared_ptr<PlaceHealth> health =
      std::make_shared<PlaceHealth>(io.get_executor(), [this](KeyPlace, Bytes) { return look(); });
  boost::asio::awaitable<Result<void>> look() {
    ++probes;
    if (broken) co_return *broken;
    co_return Result<void>();
  }
  std::string fault(const std::string& label, const Bytes& key = kKey) const {
    return health->fault(on(label), key).value_or("");
  }
  void fail(const std::string& label, ErrorName name = ErrorName::TokenFault) {
    health->failed(on(label), kKey, Error(name, "it broke"));
  }
};

}  // namespace

TEST_CASE("a token that failed is passed over for every key, one without the key for that key alone") {
  Watched watched;
  watched.fail("a");
  watched.fail("b", ErrorName::NotFound);
  CHECK(watched.fault("a") == "it broke");
  CHECK(watched.fault("a", kOtherKey) == "it broke");
  CHECK(watched.fault("b") == "it broke");
  CHECK(watched.fault("b", kOtherKey).empty());
  CHECK(watched.fault("c").empty());
  watched.health->close();
}

TEST_CASE("a busy token is not passed over") {
  Watched watched;
  watched.fail("a", ErrorName::Busy);
  watched.fail("a", ErrorName::PolicyDenied);
  CHECK(watched.fault("a").empty());
}

TEST_CASE("a failed token comes back by itself, once it works") {
  Watched watched;
  watched.fail("a");
  CHECK(watched.probes == 0);
  while (watched.probes < 2) watched.io.run_one();
  CHECK(watched.fault("a") == "still broken");  // what it says now
  watched.broken.reset();
  watched.io.run();  // until nobody watches any more
  CHECK(watched.probes == 3);
  CHECK(watched.fault("a").empty());
}

TEST_CASE("a signature by a failed token brings it back, and the watch ends") {
  Watched watched;
  watched.fail("a");
  watched.fail("a", ErrorName::NotFound);
  watched.health->worked(on("a"), kKey);
  CHECK(watched.fault("a").empty());
  watched.io.run();
  CHECK(watched.probes == 0);
}

TEST_CASE("pauses grow, and a change of the tokens cuts them short") {
  Watched watched;
  const auto begun = std::chrono::steady_clock::now();
  watched.fail("a");
  while (watched.probes < 3) watched.io.run_one();
  CHECK(std::chrono::steady_clock::now() - begun >= 7 * kFirstProbe - 50ms);  // 1 + 2 + 4
  // The next pause is eight times as long.
  run_for(watched.io, kFirstProbe);
  CHECK(watched.probes == 3);
  watched.broken.reset();
  watched.health->look_now();
  run_for(watched.io, 100ms);
  CHECK(watched.probes == 4);
  CHECK(watched.fault("a").empty());
}

TEST_CASE("a token that answered with another card's signature waits longest") {
  Watched watched;
  watched.broken.reset();
  watched.health->distrusted(on("a"), kKey, "another card");
  run_for(watched.io, 3 * kFirstProbe);
  CHECK(watched.probes == 0);
  CHECK(watched.fault("a") == "another card");
  CHECK(watched.fault("a", kOtherKey).empty());
  watched.health->close();
  CHECK(watched.fault("a").empty());
  watched.fail("a");  // the agent is stopping: nobody is watched any more
  watched.io.restart();
  watched.io.run();
  CHECK(watched.probes == 0);
}

TEST_CASE("a health that is gone leaves its watches nothing to touch") {
  Watched watched;
  watched.fail("a");
  watched.health.reset();
  watched.io.run();
  CHECK(watched.probes == 0);
}
