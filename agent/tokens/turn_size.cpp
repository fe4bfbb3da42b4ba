#include "agent/tokens/turn_size.h"

#include <algorithm>

namespace signet {

namespace {

std::size_t most_in_time(std::chrono::microseconds each) {
  return std::clamp<std::size_t>(static_cast<std::size_t>(kLongestTurn / each), 1, kMostInTurn);
}

std::size_t share(std::size_t of, std::size_t among) {
  return (of + among - 1) / among;
}

}  // namespace

std::size_t turn_size(std::size_t left, std::size_t sessions, std::chrono::microseconds each) {
  if (left == 0 || each.count() == 0) return std::min<std::size_t>(left, 1);
  // Two turns for each session: who is done first takes more.
  const std::size_t shares = 2 * std::max<std::size_t>(sessions, 1);
  const auto least = static_cast<std::size_t>(kShortestTurn / each);
  return std::min({std::max(share(left, shares), least), most_in_time(each), left});
}

bool is_quick_work(std::chrono::microseconds least, std::chrono::microseconds processor) {
  return least.count() != 0 && least < kQuickToken && 2 * processor >= least;
}

std::size_t useful_sessions(std::size_t sessions, std::size_t processors) {
  return std::min(sessions, std::max<std::size_t>(processors, 2));
}

std::size_t useful_shared_sessions(std::size_t sessions, std::size_t processors,
                                   std::chrono::microseconds each) {
  const auto whole = static_cast<std::size_t>((each + kBesideToken).count());
  const std::size_t part = (processors * static_cast<std::size_t>(each.count()) + whole - 1) / whole;
  return std::min(sessions, std::max<std::size_t>(part, 1));
}

std::size_t shared_turn_size(std::size_t calls, std::size_t turns, std::chrono::microseconds each) {
  if (each.count() == 0) return 1;
  return std::min(share(calls, std::max<std::size_t>(turns, 1)), most_in_time(each));
}

}  // namespace signet
