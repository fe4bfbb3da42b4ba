// Which of a key's tokens is asked, and what their errors mean.
#include "agent/tokens/place_choice.h"

#include <catch2/catch.hpp>
#include <map>
#include <vector>

using namespace signet;

namespace {

KeyLocation key_with(const std::vector<std::pair<int, int>>& shares) {
  KeyLocation key;
  key.order = shares.front().first;
  key.weight = shares.front().second;
  for (std::size_t index = 1; index < shares.size(); ++index) {
    KeyPlace place;
    place.order = shares[index].first;
    place.weight = shares[index].second;
    key.also.push_back(place);
  }
  return key;
}

// The order in which one call asks the places.
std::vector<std::size_t> way_through(const KeyLocation& key, std::vector<PlaceState> states) {
  std::vector<std::size_t> way;
  while (const auto next = choose_place(key, states)) {
    way.push_back(*next);
    states[*next].tried = true;
  }
  return way;
}

std::vector<PlaceState> loads(const std::vector<std::size_t>& all) {
  std::vector<PlaceState> states(all.size());
  for (std::size_t index = 0; index < all.size(); ++index) states[index].load = all[index];
  return states;
}

using Way = std::vector<std::size_t>;

}  // namespace

TEST_CASE("the least loaded token is asked, and of equal ones the first") {
  const KeyLocation key = key_with({{0, 1}, {0, 1}, {0, 1}});
  CHECK(way_through(key, loads({0, 0, 0})) == Way{0, 1, 2});
  CHECK(way_through(key, loads({3, 1, 2})) == Way{1, 2, 0});
  CHECK(way_through(key, loads({1, 1, 0})) == Way{2, 0, 1});
}

TEST_CASE("a token takes as much of the load as its weight says") {
  const KeyLocation key = key_with({{0, 1}, {0, 3}});
  std::vector<PlaceState> states(2);
  std::map<std::size_t, int> asked;
  for (int call = 0; call < 400; ++call) {  // none of them ends
    const std::size_t place = choose_place(key, states).value();
    ++asked[place];
    ++states[place].load;
  }
  CHECK(asked[0] == 100);
  CHECK(asked[1] == 300);
}

TEST_CASE("a lower order comes first, however loaded it is") {
  const KeyLocation key = key_with({{5, 100}, {1, 1}, {5, 1}});
  CHECK(way_through(key, loads({0, 1000, 0})) == Way{1, 0, 2});
}

TEST_CASE("a token that failed is asked when no other is left") {
  const KeyLocation key = key_with({{0, 1}, {1, 1}, {2, 1}});
  auto states = loads({0, 0, 0});
  states[0].failed = true;
  CHECK(way_through(key, states) == Way{1, 2, 0});
  states[2].failed = true;
  CHECK(way_through(key, states) == Way{1, 0, 2});
  states[1].failed = true;
  states[0].load = 50;  // what waits for a dead token says nothing
  CHECK(way_through(key, states) == Way{0, 1, 2});
}

TEST_CASE("each token is asked once") {
  const KeyLocation key = key_with({{0, 1}});
  CHECK(way_through(key, loads({0})) == Way{0});
}

TEST_CASE("what is a fault of the token, what of the key on it, and what of the call") {
  const auto error = [](ErrorName name) { return Error(name, "x"); };
  for (const ErrorName name :
       {ErrorName::TokenFault, ErrorName::TokenAbsent, ErrorName::PinRequired, ErrorName::PinRefused}) {
    CHECK(fault_scope(error(name)) == FaultScope::Token);
    CHECK(worth_another_token(error(name)));
  }
  for (const ErrorName name : {ErrorName::NotFound, ErrorName::MechanismUnsupported}) {
    CHECK(fault_scope(error(name)) == FaultScope::Key);
    CHECK(worth_another_token(error(name)));
  }
  CHECK(fault_scope(error(ErrorName::Busy)) == FaultScope::None);
  CHECK(worth_another_token(error(ErrorName::Busy)));
  // The next token would be asked the same wrong thing, or sign what the policy has forbidden meanwhile.
  for (const ErrorName name : {ErrorName::InvalidParameter, ErrorName::PolicyDenied, ErrorName::KeyRefused,
                               ErrorName::TouchTimeout, ErrorName::Internal})
    CHECK_FALSE(worth_another_token(error(name)));
}

TEST_CASE("of several errors the one is told that a person can do something about") {
  const auto error = [](ErrorName name) { return Error(name, "x"); };
  CHECK(tells_more(error(ErrorName::PinRequired), error(ErrorName::TokenAbsent)));
  CHECK(tells_more(error(ErrorName::TokenAbsent), error(ErrorName::TokenFault)));
  CHECK(tells_more(error(ErrorName::Busy), error(ErrorName::TokenFault)));
  CHECK_FALSE(tells_more(error(ErrorName::TokenFault), error(ErrorName::TokenFault)));
  CHECK_FALSE(tells_more(error(ErrorName::TokenFault), error(ErrorName::PinRequired)));
}
