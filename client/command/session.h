// One run of the command: the connection, who is at the terminal, and what is done when the agent asks for a
// person.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "client/command/command_line.h"
#include "client/command/console.h"
#include "client/command/countdown.h"
#include "client/command/pin_source.h"
#include "client/signet.h"
#include "protocol/result.h"
#include "protocol/secret.h"

namespace signet::client {

// --wait and --no-wait of the verbs that sign.
enum class Waiting { IfInteractive, Yes, No };

class Session {
 public:
  explicit Session(const GlobalOptions& globals);

  // The agent, connected at the first use. Borrowed.
  Result<Agent*> agent();
  // A second connection: what unlocks a token while a call on the first one waits for it.
  Result<Agent> connect_another() const;

  // Whether a person can be asked: there is a terminal, and standard error goes to one.
  bool interactive() const { return interactive_; }
  const Paint& paint() const { return paint_; }
  const GlobalOptions& globals() const { return globals_; }

  // A line for people, on standard error, at once.
  void note(Color color, std::string_view text) const;

  // Prints events as they come (a touch with a countdown, where that can be shown), and asks for the PIN of a
  // token that waits for one. Empty where nobody is to be waited for: calls then fail at once where a person
  // is needed.
  EventCallback events(Waiting waiting);

  // The PIN of `options`, else the one that a person types, else PinRequired.
  Result<Secret> need_pin(const PinOptions& options, const std::string& prompt) const;
  // A PIN that is being set: typed twice.
  Result<Secret> need_new_pin(const PinOptions& options, const std::string& prompt) const;

  // Makes the call; where it fails with PinRequired and a person is there, asks, unlocks the token and makes
  // it again, once.
  template <typename Call>
  auto with_pin(Call call) -> decltype(call()) {
    auto result = call();
    // The call was abandoned because of what happened at the prompt: that is the error.
    if (!result && prompt_fault_) return *prompt_fault_;
    if (result || result.error().name != ErrorName::PinRequired || !interactive()) return result;
    if (auto unlocked = unlock_for(result.error()); !unlocked) return unlocked.error();
    return call();
  }
  // Asks for the PIN of the token that a PinRequired names, and unlocks it.
  Result<void> unlock_for(const Error& pin_required);

 private:
  Result<void> ask_and_unlock(const std::string& token);
  bool on_event(const Event& event, Countdown& countdown);

  GlobalOptions globals_;
  ConnectOptions options_;
  std::optional<Agent> agent_;
  std::optional<Error> prompt_fault_;  // why an event's question was not answered
  bool interactive_;
  Paint paint_;        // for standard output
  Paint paint_notes_;  // for standard error
  bool counts_down_;   // standard error is a terminal that can rewrite a line, and is for people
};

}  // namespace signet::client
