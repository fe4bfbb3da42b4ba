// Every way that a token was ever made to lie, and the reason with which each is refused.
#include <openssl/hmac.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <fstream>
#include <functional>
#include <set>

#include "agent/identity/compact_token.h"
#include "agent/identity/identity_fault.h"
#include "agent/identity/identity_token.h"
#include "tests/agent/identity/token_maker.h"
#include "tests/build_paths.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

namespace json = boost::json;

constexpr std::int64_t kNow = 1'790'000'000;

const IssuerKey& rsa() {
  static const IssuerKey key = IssuerKey::rsa(2048, "rsa-1");
  return key;
}
const IssuerKey& ec256() {
  static const IssuerKey key = IssuerKey::ec("P-256", "ec-256");
  return key;
}
const IssuerKey& ec384() {
  static const IssuerKey key = IssuerKey::ec("P-384", "ec-384");
  return key;
}
const IssuerKey& stranger() {
  static const IssuerKey key = IssuerKey::rsa(2048, "rsa-1");
  return key;
}

json::object without(json::object object, std::string_view name) {
  object.erase(name);
  return object;
}

JwkSet all_keys() {
  const json::object twin = with(rsa().jwk(), "kid", "for-encryption");
  return JwkSet::parse(jwks_of({rsa().jwk(), ec256().jwk(), ec384().jwk(), with(twin, "use", "enc"),
                                with(with(twin, "kid", "no-verify"), "key_ops", json::array{"encrypt"}),
                                with(with(twin, "kid", "rs512-only"), "alg", "RS512")}),
                       "test")
      .value();
}

std::string verdict(std::string_view token, const PolicyIssuer& issuer, std::int64_t now = kNow) {
  static const auto keys = std::make_shared<const JwkSet>(all_keys());
  const auto result = verify_identity_token(
      Secret(token), {&issuer, 1}, [](const PolicyIssuer&) { return keys; }, now);
  if (result) return "accepted";
  REQUIRE(result.error().name == ErrorName::IdentityRefused);
  return std::string(result.error().parameters.at("reason").as_string());
}

PolicyIssuer pinned(std::vector<std::string> algorithms) {
  PolicyIssuer issuer = github_issuer();
  issuer.algorithms = std::move(algorithms);
  return issuer;
}

std::string with_header(const json::object& header, std::string_view algorithm = "RS256",
                        const IssuerKey& key = rsa()) {
  return make_token(json::serialize(header), json::serialize(github_claims(kNow)), key, algorithm);
}
std::string header_with(std::string_view name, const json::value& value) {
  return with_header(with(usual_header(rsa(), "RS256"), name, value));
}
std::string claims_with(std::string_view name, const json::value& value) {
  return make_token(with(github_claims(kNow), name, value), rsa());
}
std::string claims_without(std::string_view name) {
  return make_token(without(github_claims(kNow), name), rsa());
}
std::string good() {
  return make_token(github_claims(kNow), rsa());
}

// HMAC under a public key that everybody has, in the two forms that libraries fell for.
std::string hmac_token(const std::string& algorithm, const std::string& secret) {
  json::object header = usual_header(rsa(), algorithm);
  const std::string input =
      base64url(json::serialize(header)) + "." + base64url(json::serialize(github_claims(kNow)));
  unsigned char mac[64];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac, &size);
  return input + "." + base64url({reinterpret_cast<const char*>(mac), size});
}

// The last character of a part carries bits that a lax decoder drops.
std::string with_stray_bits(std::string token) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  // 256 bytes of signature: 342 characters, whose last one has four bits that must be zero.
  token.back() = kAlphabet[kAlphabet.find(token.back()) + 1];
  return token;
}

struct Attack {
  std::string_view name;
  std::function<std::string()> token;
  std::string_view reason;
  std::vector<std::string> algorithms = {"RS256"};
};

const std::vector<Attack>& attacks() {
  static const std::vector<Attack> table{
      {"empty", [] { return std::string(); }, "not-compact"},
      {"one byte too many",
       [] { return good() + std::string(kMaxIdentityTokenSize + 1 - good().size(), 'A'); }, "too-large"},
      {"two parts", [] { return good().substr(0, good().rfind('.')); }, "not-compact"},
      {"four parts", [] { return good() + ".AAAA"; }, "not-compact"},
      {"five parts: a JWE", [] { return good() + ".AAAA.AAAA"; }, "not-compact"},
      {"no header", [] { return good().substr(good().find('.')); }, "not-compact"},
      {"JSON serialization", [] { return R"({"payload":"e30","signatures":[]})"; }, "not-compact"},
      {"a line end after it", [] { return good() + "\n"; }, "encoding"},
      {"a space before it", [] { return " " + good(); }, "encoding"},
      {"padding", [] { return good() + "=="; }, "encoding"},
      {"base64 instead of base64url", [] { return good() + "+/"; }, "encoding"},
      {"a NUL after it", [] { return good() + std::string(1, '\0'); }, "encoding"},
      {"stray bits", [] { return with_stray_bits(good()); }, "encoding"},
      {"header is no JSON", [] { return make_token("{", "{}", rsa(), "RS256"); }, "header-json"},
      {"header is a list", [] { return make_token("[]", "{}", rsa(), "RS256"); }, "header-json"},
      {"bytes after the header's JSON",
       [] { return make_token(R"({"alg":"RS256","kid":"rsa-1"}{})", "{}", rsa(), "RS256"); }, "header-json"},
      {"no alg", [] { return with_header(without(usual_header(rsa(), "RS256"), "alg")); }, "header-json"},
      {"alg is a list", [] { return header_with("alg", json::array{"RS256"}); }, "header-json"},
      {"kid is a number", [] { return header_with("kid", 1); }, "header-json"},
      {"alg twice: none wins for a reader that takes the first",
       [] {
         return make_token(R"({"alg":"none","alg":"RS256","kid":"rsa-1"})",
                           json::serialize(github_claims(kNow)), rsa(), "RS256");
       },
       "duplicate-key"},
      {"alg twice, one of them escaped",
       [] {
         return make_token(R"({"alg":"RS256","\u0061lg":"none","kid":"rsa-1"})",
                           json::serialize(github_claims(kNow)), rsa(), "RS256");
       },
       "duplicate-key"},
      {"a claim twice",
       [] {
         std::string claims = json::serialize(github_claims(kNow));
         claims.insert(1, R"("repository":"octo-org/other",)");
         return make_token(json::serialize(usual_header(rsa(), "RS256")), claims, rsa(), "RS256");
       },
       "duplicate-key"},
      {"claims are no JSON",
       [] { return make_token(json::serialize(usual_header(rsa(), "RS256")), "iss", rsa(), "RS256"); },
       "claims-json"},
      {"claims nested too deep",
       [] { return claims_with("deep", json::parse(std::string(16, '[') + std::string(16, ']'))); },
       "claims-json"},
      {"none",
       [] {
         const std::string token = header_with("alg", "none");
         return token.substr(0, token.rfind('.') + 1);
       },
       "algorithm-none"},
      {"none with a signature", [] { return header_with("alg", "none"); }, "algorithm-none"},
      {"nOnE", [] { return header_with("alg", "nOnE"); }, "algorithm-none"},
      {"none, where the policy pins it",
       [] { return header_with("alg", "none"); },
       "algorithm-none",
       {"none"}},
      {"HMAC under the modulus", [] { return hmac_token("HS256", rsa().jwk().at("n").as_string().c_str()); },
       "symmetric-key"},
      {"HMAC under the whole JWK, where the policy pins it",
       [] { return hmac_token("HS256", json::serialize(rsa().jwk())); },
       "symmetric-key",
       {"HS256"}},
      {"hs256 in small letters", [] { return hmac_token("hs256", "x"); }, "symmetric-key"},
      {"an algorithm that is not pinned", [] { return with_header(usual_header(rsa(), "RS512"), "RS512"); },
       "algorithm"},
      {"an algorithm that does not exist",
       [] { return header_with("alg", "XS256"); },
       "algorithm",
       {"XS256"}},
      {"rs256 in small letters", [] { return header_with("alg", "rs256"); }, "algorithm"},
      {"its own key: jwk", [] { return header_with("jwk", stranger().jwk()); }, "embedded-key"},
      {"its own key: jku", [] { return header_with("jku", "https://evil.example/keys"); }, "embedded-key"},
      {"its own key: x5u", [] { return header_with("x5u", "https://evil.example/cert"); }, "embedded-key"},
      {"its own key: x5c", [] { return header_with("x5c", json::array{"MIIB"}); }, "embedded-key"},
      {"crit", [] { return header_with("crit", json::array{"exp"}); }, "critical-header"},
      {"b64", [] { return header_with("b64", false); }, "critical-header"},
      {"zip", [] { return header_with("zip", "DEF"); }, "critical-header"},
      {"a nested token", [] { return header_with("cty", "JWT"); }, "critical-header"},
      {"an access token", [] { return header_with("typ", "at+jwt"); }, "token-type"},
      {"no kid", [] { return with_header(without(usual_header(rsa(), "RS256"), "kid")); }, "key-id-missing"},
      {"an unknown kid", [] { return header_with("kid", "rsa-2"); }, "unknown-key"},
      {"a kid that is a path", [] { return header_with("kid", "../../dev/null"); }, "unknown-key"},
      {"ES256 with an RSA key",
       [] { return with_header(usual_header(rsa(), "ES256"), "RS256"); },
       "key-mismatch",
       {"ES256"}},
      {"RS256 with an EC key",
       [] { return with_header(with(usual_header(rsa(), "RS256"), "kid", "ec-256")); }, "key-mismatch"},
      {"ES256 with a P-384 key",
       [] { return with_header(usual_header(ec384(), "ES256"), "ES256", ec384()); },
       "key-mismatch",
       {"ES256"}},
      {"a key for encryption", [] { return header_with("kid", "for-encryption"); }, "key-mismatch"},
      {"a key whose key_ops lack verify", [] { return header_with("kid", "no-verify"); }, "key-mismatch"},
      {"a key for another algorithm", [] { return header_with("kid", "rs512-only"); }, "key-mismatch"},
      {"another issuer's key", [] { return make_token(github_claims(kNow), stranger()); }, "signature"},
      {"PS256 said, RS256 made",
       [] { return with_header(usual_header(rsa(), "PS256"), "RS256"); },
       "signature",
       {"PS256"}},
      {"RS256 said, RS512 made", [] { return with_header(usual_header(rsa(), "RS256"), "RS512"); },
       "signature"},
      {"no signature", [] { return good().substr(0, good().rfind('.') + 1); }, "signature"},
      {"half a signature", [] { return good().substr(0, good().size() - 174); }, "signature"},
      {"an ECDSA signature in DER's length",
       [] {
         const std::string token = with_header(usual_header(ec256(), "ES256"), "ES256", ec256());
         return token + "AAAA";
       },
       "signature",
       {"ES256"}},
      {"an ECDSA signature of zeros (CVE-2022-21449)",
       [] {
         const std::string token = with_header(usual_header(ec256(), "ES256"), "ES256", ec256());
         return token.substr(0, token.rfind('.') + 1) + std::string(86, 'A');
       },
       "signature",
       {"ES256"}},
      {"another payload under the signature",
       [] {
         const std::string other = claims_with("repository", "octo-org/other"), mine = good();
         return other.substr(0, other.rfind('.')) + mine.substr(mine.rfind('.'));
       },
       "signature"},
      {"no issuer", [] { return claims_without("iss"); }, "claim-missing"},
      {"an issuer that is a list", [] { return claims_with("iss", json::array{"a"}); }, "claim-type"},
      {"an issuer with a slash more",
       [] { return claims_with("iss", "https://token.actions.githubusercontent.com/"); }, "unknown-issuer"},
      {"an issuer in capitals",
       [] { return claims_with("iss", "HTTPS://token.actions.githubusercontent.com"); }, "unknown-issuer"},
      {"no subject", [] { return claims_without("sub"); }, "claim-missing"},
      {"a subject that is a number", [] { return claims_with("sub", 7); }, "claim-type"},
      {"no audience", [] { return claims_without("aud"); }, "claim-missing"},
      {"no audience in a list", [] { return claims_with("aud", json::array()); }, "claim-missing"},
      {"an audience that is a number", [] { return claims_with("aud", 1); }, "claim-type"},
      {"GitHub's default audience", [] { return claims_with("aud", "https://github.com/octo-org"); },
       "audience"},
      {"a digest in capitals",
       [] { return claims_with("aud", json::string("signet:" + std::string(64, 'A'))); }, "audience"},
      {"a digest cut short",
       [] { return claims_with("aud", json::string("signet:" + std::string(63, 'a'))); }, "audience"},
      {"no digest", [] { return claims_with("aud", "signet:"); }, "audience"},
      {"several audiences, ours among them",
       [] {
         return claims_with("aud", json::array{"https://signet.example", "https://other.example"});
       },
       "several-audiences"},
      {"no exp", [] { return claims_without("exp"); }, "claim-missing"},
      {"no iat", [] { return claims_without("iat"); }, "claim-missing"},
      {"exp as text", [] { return claims_with("exp", "1790000300"); }, "claim-type"},
      {"exp beyond every calendar", [] { return claims_with("exp", 253'402'300'800); }, "claim-type"},
      {"exp negative", [] { return claims_with("exp", -1); }, "claim-type"},
      {"exp infinite", [] { return claims_with("exp", 1e300); }, "claim-type"},
      {"nbf as a flag", [] { return claims_with("nbf", true); }, "claim-type"},
      {"expired", [] { return claims_with("exp", kNow - 30); }, "expired"},
      {"not yet valid", [] { return claims_with("nbf", kNow + 31); }, "not-yet-valid"},
      {"issued in the future", [] { return claims_with("iat", kNow + 31); }, "issued-in-the-future"},
      {"valid for more than a day", [] { return claims_with("exp", kNow + kMaxTokenLifetime + 1); },
       "lifetime"},
  };
  return table;
}

TEST_CASE("each attack on a token has its own refusal", "[identity]") {
  REQUIRE(verdict(good(), github_issuer()) == "accepted");
  std::set<std::string_view> reasons;
  for (const Attack& attack : attacks()) {
    INFO(attack.name);
    CHECK(verdict(attack.token(), pinned(attack.algorithms)) == attack.reason);
    reasons.insert(attack.reason);
  }
  CHECK(attacks().size() >= 80);
  CHECK(reasons.size() == 25);  // all but keys-unavailable and those of the use
}

TEST_CASE("no refusal tells anything of the token", "[identity]") {
  for (const Attack& attack : attacks()) {
    INFO(attack.name);
    const std::string token = attack.token();
    const PolicyIssuer issuer = pinned(attack.algorithms);
    const auto keys = std::make_shared<const JwkSet>(all_keys());
    const auto result = verify_identity_token(
        Secret(token), {&issuer, 1}, [&](const PolicyIssuer&) { return keys; }, kNow);
    REQUIRE(result.has_error());
    const std::string& message = result.error().message;
    for (std::size_t at = 0; at + 12 <= token.size(); ++at)
      REQUIRE(message.find(token.substr(at, 12)) == std::string::npos);
    CHECK(message.find("octo") == std::string::npos);
    CHECK(message.find("rsa-") == std::string::npos);
    CHECK(result.error().parameters.size() == 1);
  }
}

TEST_CASE("the edges of a token's times", "[identity]") {
  const PolicyIssuer issuer = github_issuer();  // skew: 30 s
  const auto at = [&](std::string_view claim, const json::value& value) {
    return verdict(claims_with(claim, value), issuer);
  };
  CHECK(at("exp", kNow - 29) == "accepted");
  CHECK(at("exp", kNow - 29.5) == "expired");  // a fraction never adds time
  CHECK(at("exp", static_cast<double>(kNow)) == "accepted");
  CHECK(at("nbf", kNow + 30) == "accepted");
  CHECK(at("iat", kNow + 30) == "accepted");
  CHECK(at("exp", kNow + kMaxTokenLifetime) == "accepted");
  CHECK(verdict(claims_without("nbf"), issuer) == "accepted");
  PolicyIssuer exact = issuer;
  exact.skew = std::chrono::seconds(0);
  CHECK(verdict(claims_with("exp", kNow + 1), exact) == "accepted");
  CHECK(verdict(claims_with("exp", kNow), exact) == "expired");
}

TEST_CASE("a token of the largest size is read", "[identity]") {
  const auto sized = [](std::size_t padding) {
    return claims_with("filler", json::string(std::string(padding, 'x')));
  };
  std::size_t padding = 11'000;
  while (sized(padding + 1).size() <= kMaxIdentityTokenSize) ++padding;
  CHECK(verdict(sized(padding), github_issuer()) == "accepted");
  CHECK(verdict(sized(padding + 2), github_issuer()) == "too-large");
}

TEST_CASE("every algorithm verifies what it signs", "[identity]") {
  static const IssuerKey ec521 = IssuerKey::ec("P-521", "ec-521");
  const auto keys = std::make_shared<const JwkSet>(
      JwkSet::parse(jwks_of({rsa().jwk(), ec256().jwk(), ec384().jwk(), ec521.jwk()}), "test").value());
  for (const JwsAlgorithm& algorithm : jws_algorithms()) {
    INFO(algorithm.name);
    const IssuerKey& key = algorithm.name == "ES256"   ? ec256()
                           : algorithm.name == "ES384" ? ec384()
                           : algorithm.name == "ES512" ? ec521
                                                       : rsa();
    const PolicyIssuer issuer = pinned({std::string(algorithm.name)});
    const auto result = verify_identity_token(
        Secret(make_token(github_claims(kNow), key, algorithm.name)), {&issuer, 1},
        [&](const PolicyIssuer&) { return keys; }, kNow);
    CHECK(result);
  }
  // What a policy can pin is what this verifies.
  REQUIRE(jws_algorithms().size() == kIssuerAlgorithms.size());
  for (const std::string_view name : kIssuerAlgorithms) CHECK(find_jws_algorithm(name));
}

TEST_CASE("without keys nothing is accepted", "[identity]") {
  const PolicyIssuer issuer = github_issuer();
  const auto result = verify_identity_token(
      Secret(good()), {&issuer, 1}, [](const PolicyIssuer&) { return std::shared_ptr<const JwkSet>(); },
      kNow);
  REQUIRE(result.has_error());
  CHECK(result.error().parameters.at("reason") == "keys-unavailable");
}

TEST_CASE("the page for operators has every reason", "[identity]") {
  std::ifstream file(source_dir() + "/docs/ci-identity.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  for (int fault = 0; fault <= static_cast<int>(IdentityFault::NotConfigured); ++fault) {
    const std::string reason(to_string(static_cast<IdentityFault>(fault)));
    INFO(reason);
    CHECK(page.find("`" + reason + "`") != std::string::npos);
  }
}

}  // namespace
}  // namespace signet::test
