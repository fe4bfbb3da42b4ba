#include "agent/identity/jws_algorithm.h"

#include <array>

namespace signet {
namespace {

constexpr std::array<JwsAlgorithm, 9> kAlgorithms{{{"RS256", "RSA", "", 0},
                                                   {"RS384", "RSA", "", 0},
                                                   {"RS512", "RSA", "", 0},
                                                   {"PS256", "RSA", "", 0},
                                                   {"PS384", "RSA", "", 0},
                                                   {"PS512", "RSA", "", 0},
                                                   {"ES256", "EC", "P-256", 64},
                                                   {"ES384", "EC", "P-384", 96},
                                                   {"ES512", "EC", "P-521", 132}}};

}  // namespace

std::span<const JwsAlgorithm> jws_algorithms() {
  return kAlgorithms;
}

std::optional<JwsAlgorithm> find_jws_algorithm(std::string_view name) {
  for (const JwsAlgorithm& algorithm : kAlgorithms)
    if (algorithm.name == name) return algorithm;
  return std::nullopt;
}

}  // namespace signet
