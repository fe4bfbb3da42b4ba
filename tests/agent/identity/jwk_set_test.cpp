// Which JWKS files are taken, and which keys of them.
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "agent/identity/jwk_set.h"
#include "protocol/bytes.h"
#include "tests/agent/identity/token_maker.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

namespace json = boost::json;

const IssuerKey& ec() {
  static const IssuerKey key = IssuerKey::ec("P-256", "ec");
  return key;
}
const IssuerKey& rsa() {
  static const IssuerKey key = IssuerKey::rsa(2048, "rsa");
  return key;
}

std::string refusal(const std::string& text) {
  const auto set = JwkSet::parse(text, "/etc/keys.jwks");
  if (set) return "taken";
  CHECK(set.error().name == ErrorName::FileFault);
  CHECK(set.error().message.find("/etc/keys.jwks") != std::string::npos);
  return set.error().message;
}

// A number that RFC 7518 calls Base64urlUInt, of so many bits, odd.
std::string number_of_bits(std::size_t bits) {
  std::string bytes((bits + 7) / 8, '\xff');
  if (bits % 8 != 0) bytes.front() = static_cast<char>((1U << (bits % 8)) - 1);
  return base64url(bytes);
}

TEST_CASE("a set of the usual members", "[identity]") {
  // What GitHub and GitLab publish besides: x5c, x5t, use, alg; other members anywhere.
  json::object key = with(with(rsa().jwk(), "use", "sig"), "alg", "RS256");
  key["x5c"] = json::array{"MIIC…"};
  key["x5t"] = "thumbprint";
  key["extra"] = json::object{{"a", 1.5}};
  const auto set = JwkSet::parse(jwks_of({key, ec().jwk()}), "test");
  REQUIRE(set);
  REQUIRE(set->keys().size() == 2);
  CHECK(set->find("rsa")->algorithm == "RS256");
  CHECK(set->find("rsa")->size == 256);
  CHECK(set->find("ec")->curve == "P-256");
  CHECK(set->find("RSA") == nullptr);
}

TEST_CASE("what is no JWK set is refused", "[identity]") {
  for (const char* text : {"", "null", "[]", "{}", R"({"keys":{}})", R"({"keys":[]})", R"({"keys":[1]})",
                           R"({"keys":[],"keys":[]})", "<html>404</html>", R"({"keys":[)"}) {
    INFO(text);
    CHECK(refusal(text) != "taken");
  }
  const std::string good = jwks_of({ec().jwk()});
  CHECK(refusal(good) == "taken");
  CHECK(refusal(good.substr(0, good.size() / 2)) != "taken");  // half written
  CHECK(refusal(good + good) != "taken");
}

TEST_CASE("private and symmetric keys are refused with the whole file", "[identity]") {
  for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    INFO(name);
    CHECK(refusal(jwks_of({ec().jwk(), with(rsa().jwk(), name, "AQAB")})).find("private") !=
          std::string::npos);
  }
  CHECK(refusal(jwks_of({{{"kty", "oct"}, {"kid", "o"}, {"k", "AAAA"}}})).find("symmetric") !=
        std::string::npos);
}

TEST_CASE("two keys of one kid are refused", "[identity]") {
  CHECK(refusal(jwks_of({ec().jwk(), with(rsa().jwk(), "kid", "ec")})).find("kid") != std::string::npos);
}

TEST_CASE("the edges of RSA keys", "[identity]") {
  const auto of_bits = [](std::size_t bits) {
    return jwks_of({with(rsa().jwk(), "n", number_of_bits(bits))});
  };
  CHECK(refusal(of_bits(kMinRsaBits)) == "taken");
  CHECK(refusal(of_bits(kMinRsaBits - 1)).find("2047") != std::string::npos);
  CHECK(refusal(of_bits(kMaxRsaBits)) == "taken");
  CHECK(refusal(of_bits(kMaxRsaBits + 1)).find("8193") != std::string::npos);
  const auto of_exponent = [](std::string bytes) {
    return jwks_of({with(rsa().jwk(), "e", base64url(bytes))});
  };
  CHECK(refusal(of_exponent("\x03")) == "taken");
  CHECK(refusal(of_exponent("\x01")).find("exponent") != std::string::npos);
  CHECK(refusal(of_exponent("\x04")).find("exponent") != std::string::npos);
  CHECK(refusal(of_exponent("")).find("exponent") != std::string::npos);
  CHECK(refusal(of_exponent(std::string(8, '\xff'))) == "taken");
  CHECK(refusal(of_exponent("\x01" + std::string(8, '\xff'))).find("exponent") != std::string::npos);
  CHECK(refusal(jwks_of({with(rsa().jwk(), "n", "not base64url!")})).find("base64url") != std::string::npos);
  CHECK(refusal(jwks_of({with(rsa().jwk(), "n", 5)})) != "taken");
}

TEST_CASE("a leading zero of a modulus does not count", "[identity]") {
  const std::string padded = number_of_bits(kMinRsaBits);
  const auto set = JwkSet::parse(
      jwks_of({with(rsa().jwk(), "n", base64url(std::string(1, '\0') + std::string(256, '\xff')))}), "t");
  REQUIRE(set);
  CHECK(set->find("rsa")->size == 256);
}

TEST_CASE("points that are not on their curve are refused", "[identity]") {
  const std::string x = ec().jwk().at("x").as_string().c_str();
  CHECK(refusal(jwks_of({with(ec().jwk(), "y", x)})).find("curve") != std::string::npos);
  CHECK(refusal(jwks_of({with(ec().jwk(), "x", base64url(std::string(31, 'x')))})) != "taken");
  CHECK(refusal(jwks_of({with(ec().jwk(), "x", base64url(std::string(33, '\0')))})) != "taken");
  CHECK(refusal(jwks_of({with(with(ec().jwk(), "x", base64url(std::string(32, '\0'))), "y",
                              base64url(std::string(32, '\0')))})) != "taken");
}

TEST_CASE("keys of unknown kinds are left out, as RFC 7517 says", "[identity]") {
  const json::object okp{{"kty", "OKP"}, {"kid", "o"}, {"crv", "Ed25519"}, {"x", "AAAA"}};
  const json::object koblitz = with(with(ec().jwk(), "crv", "secp256k1"), "kid", "k");
  json::object nameless = ec().jwk();
  nameless.erase("kid");
  const auto set = JwkSet::parse(jwks_of({okp, koblitz, nameless, ec().jwk()}), "test");
  REQUIRE(set);
  CHECK(set->keys().size() == 1);
  CHECK(refusal(jwks_of({okp})).find("no key") != std::string::npos);
  CHECK(refusal(jwks_of({with(ec().jwk(), "use", "enc")})).find("no key") != std::string::npos);
  CHECK(refusal(jwks_of({with(ec().jwk(), "alg", "RS256")})).find("no key") != std::string::npos);
}

TEST_CASE("the most keys of a set", "[identity]") {
  json::array keys;
  for (std::size_t number = 0; number < kMaxJwks; ++number)
    keys.push_back(with(ec().jwk(), "kid", std::to_string(number)));
  CHECK(refusal(json::serialize(json::object{{"keys", keys}})) == "taken");
  keys.push_back(with(ec().jwk(), "kid", "one more"));
  CHECK(refusal(json::serialize(json::object{{"keys", keys}})).find("65 keys") != std::string::npos);
}

}  // namespace
}  // namespace signet::test
