// What a good token says, and what it is bound to.
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "agent/identity/identity_token.h"
#include "protocol/bytes.h"
#include "tests/agent/identity/token_maker.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

namespace json = boost::json;

constexpr std::int64_t kNow = 1'790'000'000;

const IssuerKey& key_of(std::string_view name) {
  static const IssuerKey github = IssuerKey::rsa(2048, "example-key-id");
  static const IssuerKey gitlab = IssuerKey::rsa(4096, "gitlab-key-id");
  return name == "github" ? github : gitlab;
}

Result<VerifiedToken> verify(const std::string& token) {
  static const std::vector<PolicyIssuer> issuers{github_issuer(), gitlab_issuer()};
  const auto keys = [](const PolicyIssuer& issuer) {
    return std::make_shared<const JwkSet>(
        JwkSet::parse(jwks_of({key_of(issuer.name).jwk()}), "test").value());
  };
  return verify_identity_token(Secret(token), issuers, keys, kNow);
}

TEST_CASE("a token as GitHub documents it", "[identity]") {
  // GitHub's header has a thumbprint, which is a hint to be ignored.
  const json::object header{
      {"typ", "JWT"}, {"alg", "RS256"}, {"x5t", "example-thumbprint"}, {"kid", "example-key-id"}};
  const json::object claims = github_claims(kNow);
  const auto token =
      verify(make_token(json::serialize(header), json::serialize(claims), key_of("github"), "RS256"));
  REQUIRE(token);
  CHECK(token->claims.issuer == "github");
  CHECK(token->claims.subject == "repo:octo-org/octo-repo:environment:prod");
  CHECK(token->claims.all == claims);
  CHECK(token->expires == kNow + 300);
  CHECK_FALSE(token->payload_digest);
}

TEST_CASE("a token as GitLab documents it", "[identity]") {
  const json::object claims = gitlab_claims(kNow);
  const auto token = verify(make_token(claims, key_of("gitlab")));
  REQUIRE(token);
  CHECK(token->claims.issuer == "gitlab");
  CHECK(token->claims.all == claims);
  CHECK(token->claims.all.at("project_path") == "my-group/my-project");
  CHECK(token->claims.all.at("runner_id") == 1);
}

TEST_CASE("one issuer's key never speaks for another", "[identity]") {
  const auto token = verify(make_token(gitlab_claims(kNow), key_of("github")));
  REQUIRE(token.has_error());
  CHECK(token.error().parameters.at("reason") == "unknown-key");
}

TEST_CASE("an audience binds a token to one payload", "[identity]") {
  json::object claims = github_claims(kNow);
  const std::string digest(64, 'c');
  claims["aud"] = "signet:" + digest;
  auto token = verify(make_token(claims, key_of("github")));
  REQUIRE(token);
  CHECK(token->payload_digest == digest);
  claims["aud"] = json::array{"signet:" + digest};  // RFC 7519: one audience may stand in a list
  token = verify(make_token(claims, key_of("github")));
  REQUIRE(token);
  CHECK(token->payload_digest == digest);
}

TEST_CASE("a policy cannot make a payload's audience a user's", "[identity]") {
  PolicyIssuer issuer = github_issuer();
  const std::string audience = "signet:" + std::string(64, 'c');
  issuer.audiences = {audience};
  json::object claims = github_claims(kNow);
  claims["aud"] = audience;
  const auto token = check_claims(std::move(claims), issuer, kNow);
  REQUIRE(token);
  CHECK(token->payload_digest);
}

// The group order of P-256 (SEC 2): n.
constexpr const char* kOrder = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";

TEST_CASE("a signature written in another way is no other token", "[identity]") {
  const IssuerKey key = IssuerKey::ec("P-256", "ec");
  PolicyIssuer issuer = github_issuer();
  issuer.algorithms = {"ES256"};
  const auto keys = [&](const PolicyIssuer&) {
    return std::make_shared<const JwkSet>(JwkSet::parse(jwks_of({key.jwk()}), "test").value());
  };
  const std::string input = base64url(json::serialize(usual_header(key, "ES256"))) + "." +
                            base64url(json::serialize(github_claims(kNow)));
  const std::string signature = key.sign("ES256", input);
  // (r, n - s) holds wherever (r, s) does.
  BIGNUM* raw = nullptr;
  BN_hex2bn(&raw, kOrder);
  const BigNumber order(raw),
      s(BN_bin2bn(reinterpret_cast<const unsigned char*>(signature.data()) + 32, 32, nullptr));
  BN_sub(s.get(), order.get(), s.get());
  std::string twin = signature;
  BN_bn2binpad(s.get(), reinterpret_cast<unsigned char*>(twin.data()) + 32, 32);
  REQUIRE(twin != signature);

  const auto one =
      verify_identity_token(Secret(input + "." + base64url(signature)), {&issuer, 1}, keys, kNow);
  const auto other = verify_identity_token(Secret(input + "." + base64url(twin)), {&issuer, 1}, keys, kNow);
  REQUIRE(one);
  REQUIRE(other);
  CHECK(one->hash == other->hash);
  CHECK(one->hash.size() == 64);
}

}  // namespace
}  // namespace signet::test
