// Cards that another program has for itself alone: no module sees what they are.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/tokens/card_host.h"
#include "agent/tokens/wait_list.h"

namespace signet {

struct HeldReaders {
  std::vector<std::string> readers;  // PC/SC's names of them, which are their makers': any bytes
  std::string holder;                // a sentence; empty where there is none
};

// What is said of a token that is not there, while cards are held.
std::string held_cards_hint(const HeldReaders& held);

// Asks pcscd, by a host of its own: one question at a time, whose answer is good for a second, however many
// look for tokens that are not there. On one event loop. Lives in a shared_ptr: its coroutines hold it.
class HeldCards : public std::enable_shared_from_this<HeldCards> {
 public:
  explicit HeldCards(boost::asio::any_io_executor executor) : one_at_a_time_(std::move(executor)) {}

  // Of the pcscd that `access` reaches. Nothing where there is none, or it does not answer. No card is asked.
  boost::asio::awaitable<HeldReaders> look(CardAccess access);

 private:
  struct Seen {
    HeldReaders held;
    WaitList::Clock::time_point until{};
  };

  CoroutineMutex one_at_a_time_;
  std::map<std::filesystem::path, Seen> seen_;  // by pcscd's socket
};

}  // namespace signet
