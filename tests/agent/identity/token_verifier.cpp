// Verifies tokens for a test in another language.
//   identity_token_verifier JWKS-FILE ISSUER AUDIENCE ALGORITHMS NOW < tokens, one a line
// Prints a line for each: the claims as JSON, or "refused REASON".
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "agent/identity/identity_token.h"

namespace signet::test {
namespace {

PolicyIssuer issuer_of(char** words) {
  PolicyIssuer issuer;
  issuer.name = "test";
  issuer.jwks = words[1];
  issuer.issuer = words[2];
  issuer.audiences = {words[3]};
  std::istringstream algorithms(words[4]);
  for (std::string name; std::getline(algorithms, name, ',');) issuer.algorithms.push_back(name);
  return issuer;
}

int verify_all(char** words) {
  const PolicyIssuer issuer = issuer_of(words);
  std::ifstream file(issuer.jwks);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto set = JwkSet::parse(text, issuer.jwks.string());
  if (!set) {
    std::cerr << set.error().message << "\n";
    return 2;
  }
  const auto keys = std::make_shared<const JwkSet>(*set);
  for (std::string token; std::getline(std::cin, token);) {
    const auto result = verify_identity_token(
        Secret(token), {&issuer, 1}, [&](const PolicyIssuer&) { return keys; }, std::atoll(words[5]));
    if (result)
      std::cout << boost::json::serialize(result->claims.all) << "\n";
    else
      std::cout << "refused " << result.error().parameters.at("reason").as_string().c_str() << "\n";
  }
  return 0;
}

}  // namespace
}  // namespace signet::test

int main(int count, char** words) {
  if (count != 6) return 1;
  return signet::test::verify_all(words);
}
