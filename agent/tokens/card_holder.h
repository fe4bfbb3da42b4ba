// Who else uses the cards of this machine: for messages about one that another program holds.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "agent/tokens/card_host.h"

namespace signet {

struct CardUser {
  pid_t pid = 0;
  std::string program;  // as the kernel knows it: at most 15 characters
};

// Where a host with that environment finds pcscd: $PCSCLITE_CSOCK_NAME, or where Debian has it.
std::filesystem::path pcscd_socket(const std::map<std::string, std::string>& environment);

// The processes that are connected to the daemon at `socket`, by ascending pid, but for this one and its
// children. By sock_diag(7) and /proc: other users' processes are seen by root alone, and a daemon in another
// network namespace by nobody. Blocks for milliseconds. Which of them holds a card, PC/SC does not tell.
std::vector<CardUser> card_users(const std::filesystem::path& socket);

// "It is held by scdaemon (pid 4711)." for one; the candidates for several; "Another program holds it." where
// none is to be seen.
std::string held_by(const std::vector<CardUser>& users);

// One question to a card, in a host of its own (card_host.cpp).
boost::asio::awaitable<HostAnswer> ask_card(CardAccess access, const host::Request& request, CallLimit limit);

// Whether another program holds the card in that reader: for itself alone, so that modules say that no token
// is there, or in a transaction, so that they do not answer. Ask only where no host of ours is at the card.
boost::asio::awaitable<bool> card_is_held(CardAccess access, std::string reader);
// held_by() whoever uses the cards that `access` reaches.
std::string who_holds_cards(const CardAccess& access);
// TokenAbsent: it is there, but not for us; `holder` is a sentence.
Error token_held_error(const FaultContext& about, const std::string& holder);

}  // namespace signet
