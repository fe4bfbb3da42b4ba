#include "agent/tokens/place_choice.h"

#include <cstdint>

namespace signet {
namespace {

// Whether place `a` comes before place `b`, which was enrolled earlier.
bool comes_first(const KeyPlace& a, const PlaceState& of_a, const KeyPlace& b, const PlaceState& of_b) {
  if (of_a.failed != of_b.failed) return of_b.failed;
  if (a.order != b.order) return a.order < b.order;
  if (of_a.failed) return false;
  const auto share = [](const PlaceState& state, int weight) {
    return static_cast<std::uint64_t>(state.load + 1) * static_cast<std::uint64_t>(weight);
  };
  return share(of_a, b.weight) < share(of_b, a.weight);  // (load + 1) / weight, cross-multiplied
}

int usefulness(ErrorName name) {
  switch (name) {
    case ErrorName::PinRequired:
      return 3;
    case ErrorName::TokenAbsent:
      return 2;
    case ErrorName::Busy:  // it passes by itself
      return 1;
    default:
      return 0;
  }
}

}  // namespace

std::optional<std::size_t> choose_place(const KeyLocation& key, std::span<const PlaceState> states) {
  std::optional<std::size_t> best;
  for (std::size_t index = 0; index < states.size(); ++index) {
    if (states[index].tried) continue;
    if (!best || comes_first(key.place(index), states[index], key.place(*best), states[*best])) best = index;
  }
  return best;
}

FaultScope fault_scope(const Error& error) {
  switch (error.name) {
    case ErrorName::TokenFault:
    case ErrorName::TokenAbsent:
    case ErrorName::PinRequired:
    case ErrorName::PinRefused:
      return FaultScope::Token;
    case ErrorName::NotFound:
    case ErrorName::MechanismUnsupported:
      return FaultScope::Key;
    default:
      return FaultScope::None;
  }
}

bool worth_another_token(const Error& error) {
  return error.name == ErrorName::Busy || fault_scope(error) != FaultScope::None;
}

bool tells_more(const Error& error, const Error& than) {
  return usefulness(error.name) > usefulness(than.name);
}

}  // namespace signet
