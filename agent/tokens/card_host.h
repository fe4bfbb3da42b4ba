// What the agent asks a card in a PC/SC reader beside its module (pkcs11/card.h): in a process of its own for
// each question, which loads no vendor code and ends with the answer.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "agent/tokens/host_process.h"
#include "agent/tokens/token_fault.h"

namespace signet {

// Copied freely. Runs on one event loop.
struct CardAccess {
  boost::asio::any_io_executor executor;
  HostLaunch launch;  // mode Card
  std::shared_ptr<ModuleLoad> load;
};

// `reader` is the slot's description everywhere.

// The card forgets that its PIN was verified. Right where there is no such reader or no card in it.
// TokenFault with ckr "card-not-reset" if another program does not let go of it, or pcscd does not answer.
boost::asio::awaitable<Result<void>> reset_card(CardAccess access, std::string reader, FaultContext about);

// Nothing known where the card does not say, is busy for more than `at_most`, or is none.
boost::asio::awaitable<host::CardTriesReply> card_tries(CardAccess access, std::string reader,
                                                        std::chrono::milliseconds at_most);

// What the card says of the key with this public key. Nothing known where it does not say, is busy for more
// than `at_most`, or is none.
boost::asio::awaitable<host::CardKeyReply> card_key(CardAccess access, std::string reader, Bytes spki,
                                                    std::chrono::milliseconds at_most);

// Whether a PIV slot has a key, and what kind of management key makes one there. Nothing known where the card
// does not say. TokenFault with ckr "card-busy" if it does not answer, as one that another program holds.
boost::asio::awaitable<Result<host::CardSlotReply>> card_slot(CardAccess access, std::string reader,
                                                              std::uint8_t slot, FaultContext about);

// A PIV card's PUK sets a new PIN. Neither PIN nor PUK is checked here.
boost::asio::awaitable<HostAnswer> unblock_card(CardAccess access, std::string reader, Secret puk,
                                                Secret pin);

}  // namespace signet
