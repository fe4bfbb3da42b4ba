// Calls that wait for a person or for their turn, over a real host: what was allowed before is asked again
// right before C_Sign.
#include "tests/agent/tokens/token_fixture.h"
#include "tests/build_paths.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;

namespace {

// One token behind the shim, with a key that is locked.
struct LockedKey {
  LockedKey() {
    hsm.add_token("alpha");
    shim.emplace(lib_dir(), SoftHsm::module(), hsm.environment());
    ModuleConfig module = softhsm_module(hsm);
    module.path = shim->module();
    module.environment = shim->environment();
    module.sessions = 1;
    fixture.emplace(std::vector<ModuleConfig>{module});
    key = fixture->generate("alpha", KeyAlgorithm::EcdsaP256, "k").value();
    shim->clear();
    before = shim->calls("C_Sign");
  }

  // A call that asks `allowed` again; what it waits for goes to `told`.
  Waiting waiting() {
    Waiting waiting;
    waiting.patience = 60s;
    waiting.tell = [this](TokenEvent event) -> boost::asio::awaitable<void> {
      told.push_back(event.kind);
      co_return;
    };
    waiting.still_allowed = [this]() -> boost::asio::awaitable<Result<void>> {
      ++asked;
      co_return allowed;
    };
    return waiting;
  }
  void begin(Waiting waiting) {
    result.reset();
    boost::asio::co_spawn(
        fixture->io,
        fixture->service->sign(location_of(key), TokenMechanism::Ecdsa, Bytes(32), std::move(waiting)),
        [this](std::exception_ptr, Result<TokenSignature> value) { result.emplace(std::move(value)); });
  }
  void pump(const std::function<bool()>& done) {
    while (!done()) run_for(fixture->io, 20ms);
  }
  std::uint64_t signatures() const { return shim->calls("C_Sign") - before; }

  SoftHsm hsm;
  std::optional<FaultShim> shim;
  std::optional<TokenFixture> fixture;
  FoundKey key;
  std::uint64_t before = 0;
  std::vector<TokenEvent::Kind> told;
  std::size_t asked = 0;
  Result<void> allowed;
  std::optional<Result<TokenSignature>> result;
};

const Error kNoMore(ErrorName::PolicyDenied, "Not any more.");

}  // namespace

TEST_CASE("what is refused after a wait for the PIN never reaches the token") {
  LockedKey locked;
  locked.begin(locked.waiting());
  locked.pump([&] { return !locked.told.empty(); });
  CHECK(locked.told.front() == TokenEvent::Kind::Pin);
  CHECK(locked.asked == 0);
  locked.allowed = kNoMore;
  REQUIRE(locked.fixture->unlock("alpha"));
  locked.pump([&] { return locked.result.has_value(); });
  REQUIRE_FALSE(*locked.result);
  CHECK(locked.result->error().message == kNoMore.message);
  CHECK(locked.asked == 1);
  CHECK(locked.signatures() == 0);
  // The session is back: the next call gets it.
  locked.allowed = Result<void>();
  locked.begin(locked.waiting());
  locked.pump([&] { return locked.result.has_value(); });
  CHECK(*locked.result);
  CHECK(locked.signatures() == 1);
}

TEST_CASE("a call that waited for nobody is not judged twice, unless its turn came late") {
  LockedKey locked;
  REQUIRE(locked.fixture->unlock("alpha"));
  Waiting fresh = locked.waiting();
  fresh.judged_at += 1h;  // however slow this machine is
  locked.begin(std::move(fresh));
  locked.pump([&] { return locked.result.has_value(); });
  CHECK(*locked.result);
  CHECK(locked.asked == 0);
  Waiting late = locked.waiting();
  late.judged_at -= kFreshFor;
  locked.begin(std::move(late));
  locked.pump([&] { return locked.result.has_value(); });
  CHECK(*locked.result);
  CHECK(locked.asked == 1);
}

TEST_CASE("a call whose turn comes late is judged when it comes") {
  LockedKey locked;
  REQUIRE(locked.fixture->unlock("alpha"));
  locked.shim->set("C_Sign 1 delay 1500");
  std::optional<Result<TokenSignature>> first;
  boost::asio::co_spawn(locked.fixture->io, locked.fixture->signing(locked.key, "x"),
                        [&](std::exception_ptr, Result<TokenSignature> value) { first = std::move(value); });
  locked.pump([&] { return locked.shim->calls("C_Sign") == 1; });
  locked.allowed = kNoMore;
  locked.begin(locked.waiting());  // behind the first: there is one session
  locked.pump([&] { return locked.result.has_value(); });
  CHECK(first.has_value());
  REQUIRE_FALSE(*locked.result);
  CHECK(locked.asked == 1);
  CHECK(locked.shim->calls("C_Sign") == 1);
}
