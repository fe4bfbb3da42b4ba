// Property: whatever is changed of a valid token, it is valid no more.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>

#include "agent/identity/identity_token.h"
#include "tests/agent/identity/token_maker.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

constexpr std::int64_t kNow = 1'790'000'000;
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n{\"";

char some_character(std::mt19937& random) {
  return random() % 8 == 0 ? static_cast<char>(random() % 256) : kAlphabet[random() % kAlphabet.size()];
}

void change_character(std::string& token, std::mt19937& random) {
  token[random() % token.size()] = some_character(random);
}
void flip_bit(std::string& token, std::mt19937& random) {
  char& c = token[random() % token.size()];
  c = static_cast<char>(static_cast<unsigned char>(c) ^ (1U << (random() % 8)));
}
void insert_character(std::string& token, std::mt19937& random) {
  token.insert(token.begin() + static_cast<std::ptrdiff_t>(random() % (token.size() + 1)),
               some_character(random));
}
void cut_piece(std::string& token, std::mt19937& random) {
  token.erase(random() % token.size(), 1 + random() % 8);
}
void repeat_piece(std::string& token, std::mt19937& random) {
  token.insert(random() % token.size(), token.substr(random() % token.size(), 1 + random() % 64));
}
void swap_pieces(std::string& token, std::mt19937& random) {
  std::swap(token[random() % token.size()], token[random() % token.size()]);
}
// Parts of two valid tokens, mixed.
void cross_over(std::string& token, const std::string& other, std::mt19937& random) {
  const std::size_t at = random() % std::min(token.size(), other.size());
  token = token.substr(0, at) + other.substr(at);
}

std::string mutated(const std::vector<std::string>& valid, std::mt19937& random) {
  std::string token = valid[random() % valid.size()];
  const auto times = 1 + random() % 3;
  for (std::size_t time = 0; time < times && !token.empty(); ++time) {
    switch (random() % 7) {
      case 0:
        flip_bit(token, random);
        break;
      case 1:
        insert_character(token, random);
        break;
      case 2:
        cut_piece(token, random);
        break;
      case 3:
        repeat_piece(token, random);
        break;
      case 4:
        swap_pieces(token, random);
        break;
      case 5:
        cross_over(token, valid[random() % valid.size()], random);
        break;
      default:
        change_character(token, random);
    }
  }
  return token;
}

TEST_CASE("no mutation of a valid token is accepted", "[identity][property]") {
  constexpr std::size_t kMutations = 20'000;
  const char* seed = std::getenv("SIGNET_SEED");  // another run of it
  std::mt19937 random(seed ? static_cast<unsigned>(std::strtoul(seed, nullptr, 10)) : 20261122);
  const IssuerKey rsa = IssuerKey::rsa(2048, "rsa"), ec = IssuerKey::ec("P-256", "ec");
  std::vector<PolicyIssuer> issuers{github_issuer(), gitlab_issuer()};
  for (PolicyIssuer& issuer : issuers) issuer.algorithms = {"RS256", "PS256", "ES256"};
  const auto keys =
      std::make_shared<const JwkSet>(JwkSet::parse(jwks_of({rsa.jwk(), ec.jwk()}), "test").value());
  const auto verify = [&](const std::string& token) {
    return verify_identity_token(
        Secret(token), issuers, [&](const PolicyIssuer&) { return keys; }, kNow);
  };
  const std::vector<std::string> valid{
      make_token(github_claims(kNow), rsa, "RS256"), make_token(gitlab_claims(kNow), rsa, "PS256"),
      make_token(github_claims(kNow), ec, "ES256"), make_token(gitlab_claims(kNow), ec, "ES256")};
  for (const std::string& token : valid) REQUIRE(verify(token));

  std::size_t tried = 0;
  std::map<std::string, std::size_t> reasons;
  while (tried < kMutations) {
    const std::string token = mutated(valid, random);
    if (std::find(valid.begin(), valid.end(), token) != valid.end()) continue;
    ++tried;
    const auto result = verify(token);
    INFO("mutation " << tried << ": " << token);
    REQUIRE(result.has_error());
    ++reasons[std::string(result.error().parameters.at("reason").as_string())];
  }
  std::cout << tried << " mutations, none accepted:";
  for (const auto& [reason, count] : reasons) std::cout << " " << reason << " " << count;
  std::cout << "\n";
  // Mutations must have come as far as the signature, or this test shows nothing.
  CHECK(reasons["signature"] > kMutations / 20);
  CHECK(reasons.size() >= 8);
}

}  // namespace
}  // namespace signet::test
