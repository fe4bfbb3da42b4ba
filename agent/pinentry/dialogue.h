// One conversation with a pinentry in the Assuan protocol. Blocks: runs on a thread of its own.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "agent/tokens/child_process.h"
#include "protocol/secret.h"

namespace signet {

// How a prompt ended. Only Confirmed is a yes.
struct PromptOutcome {
  enum class Kind { Confirmed, Refused, TimedOut, Unavailable };
  Kind kind = Kind::Unavailable;
  std::string why;  // Unavailable: a sentence
  Secret pin;       // Confirmed, of a prompt for a PIN
};

struct Dialogue {
  // "OPTION name=value": ttyname, display… A pinentry that does not know one is not in the way.
  std::vector<std::pair<std::string, std::string>> options;
  std::string title, description;  // UTF-8, not escaped; description as prompt_text() makes it
  std::string ok, cancel;          // what the two buttons say
  bool asks_pin = false;           // for a PIN, else for a yes
  std::string error;               // with asks_pin: what was wrong with the one before; may be empty
  std::chrono::seconds timeout{0};
};

// Asks "CONFIRM" or "GETPIN" of the pinentry at the other end of `connection`, a blocking stream socket,
// which is closed at the end. Ends early, as Unavailable, when the other end is closed. Never throws.
PromptOutcome converse(FileDescriptor connection, const Dialogue& dialogue);

}  // namespace signet
