// The agent's own prompts: through the pinentry that is installed, on the agent's display or terminal, never
// on the caller's.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/pinentry/dialogue.h"
#include "agent/pinentry/prompt_text.h"
#include "agent/varlink/signal.h"

namespace signet {

// Prompts that wait for their turn; the next one is Unavailable.
inline constexpr std::size_t kMaxWaitingPrompts = 16;

// Of `environment` ("NAME=value") what a pinentry needs to find its person: display, session bus, language.
std::vector<std::string> pinentry_environment(const std::vector<std::string>& environment);
// This process's own.
std::vector<std::string> own_environment();

// One prompt at a time, the others wait in order. Lives on the agent's event loop, longer than the coroutines
// of confirm(). Not thread safe.
class Pinentry {
 public:
  // environment: the agent's own, "NAME=value".
  Pinentry(boost::asio::any_io_executor executor, std::vector<std::string> environment);

  // For the prompts that begin afterwards.
  void configure(PinentrySettings settings) { settings_ = std::move(settings); }

  // Never throws. A person who does not answer in time, a pinentry that crashes, hangs or is not there: each
  // is an outcome. The child is ended, by its process group, before this completes.
  boost::asio::awaitable<PromptOutcome> confirm(ConfirmationPrompt prompt);
  // The same for a PIN. `question`: for which token; `error`: what was wrong with the one before, or empty.
  boost::asio::awaitable<PromptOutcome> ask_pin(std::string question, std::string error);

  // Ends the prompt that is shown and all that wait, as Unavailable; and all that come.
  void shut_down();

  std::size_t waiting() const { return waiting_; }

 private:
  boost::asio::awaitable<PromptOutcome> in_turn(Dialogue dialogue);
  boost::asio::awaitable<PromptOutcome> show(Dialogue dialogue);
  Dialogue dialogue(const ConfirmationPrompt& prompt) const;

  boost::asio::any_io_executor executor_;
  std::vector<std::string> environment_;
  PinentrySettings settings_;
  Signal turn_;
  std::uint64_t next_ticket_ = 0, served_ = 0;  // the prompt whose ticket is served_ is shown
  std::size_t waiting_ = 0;
  std::function<void()> end_shown_;  // kills the child that is shown now
  bool shut_down_ = false;
};

}  // namespace signet
