// From a token to a use that is counted, on a real ledger.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <fstream>

#include "agent/identity/identification.h"
#include "agent/ledger/ledger.h"
#include "tests/agent/identity/token_maker.h"
#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

namespace signet::test {
namespace {

namespace asio = boost::asio;

constexpr std::int64_t kNow = 1'790'000'000;

const IssuerKey& key() {
  static const IssuerKey made = IssuerKey::rsa(2048, "kid");
  return made;
}

Peer peer_of(uid_t uid) {
  Peer peer;
  peer.uid = uid;
  return peer;
}

// An agent's identification with two issuers, its ledger, and a clock that the test turns.
class Desk {
 public:
  Desk() : ledger_(Ledger::create(scratch_.path()).value()), store_(*ledger_) {
    std::ofstream(jwks()) << jwks_of({key().jwk()});
    PolicyIssuer issuer = github_issuer();
    issuer.jwks = jwks();
    issuer.max_uses = 2;
    set(issuer);
  }

  void set(const PolicyIssuer& issuer) { identification_.set_issuers({issuer}); }
  std::filesystem::path jwks() const { return scratch_ / "keys.jwks"; }

  template <typename T>
  T wait(asio::awaitable<T> work) {
    std::optional<T> result;
    const auto store = [&]() -> asio::awaitable<void> { result.emplace(co_await std::move(work)); };
    asio::co_spawn(loop_, store, [](const std::exception_ptr& failure) {
      if (failure) std::rethrow_exception(failure);
    });
    loop_.restart();
    loop_.run();
    return std::move(*result);
  }

  Result<Identity> identify(const std::string& token, uid_t uid = 1000,
                            std::optional<std::string> payload = std::string(64, 'a')) {
    return wait(identification_.identify(peer_of(uid), Secret(token), std::move(payload)));
  }
  Result<void> spend(const Identity& identity) { return wait(identification_.spend(identity)); }
  // "" or the reason of the refusal.
  std::string use(const std::string& token, uid_t uid = 1000) {
    const auto identity = identify(token, uid);
    if (!identity) return reason(identity.error());
    const auto spent = spend(*identity);
    return spent ? "" : reason(spent.error());
  }
  static std::string reason(const Error& error) {
    const auto* reason = error.parameters.if_contains("reason");
    return reason ? std::string(reason->as_string()) : std::string(short_name(error.name));
  }

  std::int64_t now = kNow;
  asio::io_context& loop() { return loop_; }
  Identification& identification() { return identification_; }

 private:
  ScratchDir scratch_;
  asio::io_context loop_;
  std::unique_ptr<Ledger> ledger_;
  LedgerReplayStore store_;
  Identification identification_{&store_, JwksOwnership::Own, [this] { return now; }};
};

std::string token_named(const std::string& name, std::string_view audience = "https://signet.example") {
  return make_token(with(with(github_claims(kNow), "jti", name), "aud", audience), key());
}

TEST_CASE("a call without a token is its peer's", "[identity]") {
  Desk desk;
  const auto identity = desk.wait(desk.identification().identify(peer_of(1000), std::nullopt, std::nullopt));
  REQUIRE(identity);
  CHECK(identity->peer().uid == 1000);
  CHECK(identity->claims() == nullptr);
  CHECK(identity->statement().empty());
  CHECK(desk.spend(*identity));
}

TEST_CASE("what is recorded of a token is no token", "[identity]") {
  Desk desk;
  const std::string token = token_named("a");
  const auto identity = desk.identify(token);
  REQUIRE(identity);
  REQUIRE(identity->claims() != nullptr);
  CHECK(identity->claims()->issuer == "github");
  CHECK(identity->claims()->all.at("repository") == "octo-org/octo-repo");
  const std::string statement = boost::json::serialize(identity->statement());
  CHECK(statement.find(token.substr(token.rfind('.') + 1)) == std::string::npos);
  CHECK(statement.find("repo:octo-org") != std::string::npos);
}

TEST_CASE("asking costs nothing, spending is counted", "[identity]") {
  Desk desk;
  for (int time = 0; time < 5; ++time) CHECK(desk.identify(token_named("a")));
  CHECK(desk.use(token_named("a")).empty());
  CHECK(desk.use(token_named("a")).empty());
  CHECK(desk.use(token_named("a")) == "used-up");
  CHECK(desk.use(token_named("b")).empty());
}

TEST_CASE("who decides late is still held to the count", "[identity]") {
  Desk desk;
  const auto first = desk.identify(token_named("a")), second = desk.identify(token_named("a")),
             third = desk.identify(token_named("a"));
  REQUIRE(first);
  REQUIRE(second);
  REQUIRE(third);
  CHECK(desk.spend(*first));
  CHECK(desk.spend(*second));
  const auto spent = desk.spend(*third);
  REQUIRE(spent.has_error());
  CHECK(Desk::reason(spent.error()) == "used-up");
}

TEST_CASE("a token that another uid used is refused", "[identity]") {
  Desk desk;
  REQUIRE(desk.use(token_named("a"), 1000).empty());
  CHECK(desk.use(token_named("a"), 1001) == "other-user");
  CHECK(desk.use(token_named("a"), 0) == "other-user");
  CHECK(desk.use(token_named("a"), 1000).empty());
}

TEST_CASE("a payload's token signs that payload only", "[identity]") {
  Desk desk;
  const std::string digest(64, 'a'), token = token_named("a", "signet:" + digest);
  CHECK(desk.identify(token, 1000, digest));
  const auto other = desk.identify(token, 1000, std::string(64, 'b'));
  REQUIRE(other.has_error());
  CHECK(Desk::reason(other.error()) == "other-payload");
  const auto none = desk.identify(token, 1000, std::nullopt);
  REQUIRE(none.has_error());
  CHECK(Desk::reason(none.error()) == "no-payload");
  // The uses count for it too, and it belongs to its first user.
  CHECK(desk.use(token).empty());
  CHECK(desk.use(token, 1001) == "other-user");
  CHECK(desk.use(token).empty());
  CHECK(desk.use(token) == "used-up");
}

TEST_CASE("a token that expires while a request waits is not spent", "[identity]") {
  Desk desk;
  const auto identity = desk.identify(token_named("a"));
  REQUIRE(identity);
  desk.now = kNow + 300 + 29;
  CHECK(desk.spend(*identity));
  desk.now = kNow + 300 + 30;
  const auto late = desk.spend(*identity);
  REQUIRE(late.has_error());
  CHECK(Desk::reason(late.error()) == "expired");
}

TEST_CASE("an issuer that the policy drops vouches for nobody any more", "[identity]") {
  Desk desk;
  REQUIRE(desk.use(token_named("a")).empty());
  desk.identification().set_issuers({});
  CHECK(desk.use(token_named("b")) == "not-configured");
}

TEST_CASE("a policy that is loaded again keeps the keys of a broken file", "[identity]") {
  Desk desk;
  PolicyIssuer issuer = github_issuer();
  issuer.jwks = desk.jwks();
  std::ofstream(desk.jwks()) << "half a fi";
  desk.set(issuer);
  CHECK(desk.use(token_named("a")).empty());
}

TEST_CASE("without a ledger no token is accepted", "[identity]") {
  Desk desk;
  desk.identification().set_store(nullptr);
  CHECK(desk.use(token_named("a")) == "NotInitialised");
}

TEST_CASE("concurrent requests with one token cannot exceed its uses", "[identity]") {
  Desk desk;
  PolicyIssuer issuer = github_issuer();
  issuer.jwks = desk.jwks();
  issuer.max_uses = 7;
  desk.set(issuer);
  const std::string token = token_named("a");
  int released = 0, refused = 0;
  // All are identified before the first one is counted.
  const auto request = [&]() -> asio::awaitable<void> {
    const auto identity = co_await desk.identification().identify(peer_of(1000), Secret(token), std::nullopt);
    if (!identity) throw std::runtime_error("not identified");
    const auto spent = co_await desk.identification().spend(*identity);
    ++(spent ? released : refused);
  };
  constexpr int kRequests = 200;
  for (int number = 0; number < kRequests; ++number)
    asio::co_spawn(desk.loop(), request, [](const std::exception_ptr& failure) {
      if (failure) std::rethrow_exception(failure);
    });
  desk.loop().restart();
  desk.loop().run();
  CHECK(released == 7);
  CHECK(refused == kRequests - 7);
}

}  // namespace
}  // namespace signet::test
