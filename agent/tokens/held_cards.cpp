#include "agent/tokens/held_cards.h"

#include <utility>

#include "agent/tokens/card_holder.h"
#include "protocol/display_text.h"

namespace signet {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kGoodFor(1);
constexpr std::chrono::milliseconds kLookTime(1500);  // pcscd answers within milliseconds

asio::awaitable<HeldReaders> ask_pcscd(CardAccess access) {
  const host::Request request{host::HeldCardsRequest()};
  const CallLimit limit(kLookTime, std::chrono::milliseconds(0));
  HostAnswer answer = co_await ask_card(access, request, limit);
  HeldReaders held;
  auto* reply = std::get_if<host::Reply>(&answer);
  if (reply == nullptr) co_return held;
  for (host::HeldCard& card : std::get<host::HeldCardsReply>(*reply).cards)
    held.readers.push_back(std::move(card.reader));
  if (!held.readers.empty()) held.holder = who_holds_cards(access);
  co_return held;
}

}  // namespace

std::string held_cards_hint(const HeldReaders& held) {
  std::string names;
  for (const std::string& reader : held.readers) names += (names.empty() ? "" : ", ") + display_name(reader);
  return "What card is in the reader " + names + " cannot be seen: another program has it for itself. " +
         held.holder + " If it is the one, have it let go, or end it.";
}

asio::awaitable<HeldReaders> HeldCards::look(CardAccess access) {
  const auto self = shared_from_this();
  const std::filesystem::path socket = pcscd_socket(access.launch.module.environment);
  std::error_code unreadable;
  if (!std::filesystem::exists(socket, unreadable)) co_return HeldReaders();
  const auto turn = co_await one_at_a_time_.lock();
  Seen& seen = seen_[socket];
  if (WaitList::Clock::now() < seen.until) co_return seen.held;
  HeldReaders held = co_await ask_pcscd(std::move(access));
  seen.held = std::move(held);
  seen.until = WaitList::Clock::now() + kGoodFor;
  co_return seen.held;
}

}  // namespace signet
