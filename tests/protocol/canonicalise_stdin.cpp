// Reads one JSON document a line, answers each with the base64 of its canonical form, or with "refused WHY".
// Driven by canonical_differential_test.py.
#include <iostream>
#include <string>

#include "protocol/bytes.h"
#include "protocol/canonical_json.h"

int main() {
  constexpr std::size_t kMaxSize = 1 << 20;
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const auto value = signet::parse_strict_json(line, kMaxSize);
    if (!value) {
      std::cout << "refused " << value.error().parameters.at("why").as_string().c_str() << '\n';
      continue;
    }
    const auto canonical = signet::canonical_json(*value);
    if (!canonical || !signet::parse_canonical_json(*canonical, kMaxSize)) {
      std::cerr << "an accepted document has no canonical form, or it does not read back: " << line << '\n';
      return 1;
    }
    std::cout << signet::to_base64(signet::as_bytes(*canonical)) << '\n';
  }
  std::cout.flush();
  return 0;
}
