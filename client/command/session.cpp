#include "client/command/session.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "client/command/error_text.h"
#include "client/command/pin_prompt.h"

namespace signet::client {
namespace {

ConnectOptions connect_options(const GlobalOptions& globals) {
  ConnectOptions options;
  if (globals.socket) options.socket = *globals.socket;
  if (globals.timeout_seconds) {
    options.call_deadline = std::chrono::seconds(*globals.timeout_seconds);
    options.token_deadline = options.call_deadline;
  }
  return options;
}

bool rewritable(int descriptor) {
  const char* const terminal = std::getenv("TERM");
  return ::isatty(descriptor) != 0 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

}  // namespace

Session::Session(const GlobalOptions& globals)
    : globals_(globals),
      options_(connect_options(globals)),
      interactive_(::isatty(STDERR_FILENO) != 0 && terminal_present()),
      paint_(color_wanted(STDOUT_FILENO, globals.no_color)),
      paint_notes_(color_wanted(STDERR_FILENO, globals.no_color)),
      counts_down_(!globals.json && rewritable(STDERR_FILENO)) {
  options_.on_warning = [this](const std::string& text) { note(Color::Notice, text); };
}

Result<Agent*> Session::agent() {
  if (!agent_) {
    auto connected = Agent::connect(options_);
    if (!connected) return connected.error();
    agent_.emplace(std::move(*connected));
  }
  return &*agent_;
}

Result<Agent> Session::connect_another() const {
  return Agent::connect(options_);
}

void Session::note(Color color, std::string_view text) const {
  const std::string line = paint_notes_(color, printable(text)) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

EventCallback Session::events(Waiting waiting) {
  if (waiting == Waiting::No || (waiting == Waiting::IfInteractive && !interactive_)) return {};
  // Gone with the callback, which lives as long as its call.
  const auto countdown = std::make_shared<Countdown>([](const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
  });
  return [this, countdown](const Event& event) { return on_event(event, *countdown); };
}

bool Session::on_event(const Event& event, Countdown& countdown) {
  countdown.stop();
  if (event.kind == "touch" && event.seconds && counts_down_) {
    countdown.start(paint_notes_(Color::Notice, printable(event.message)),
                    std::chrono::seconds(std::clamp<std::int64_t>(*event.seconds, 0, 3600)));
    return true;
  }
  note(Color::Notice, event.message);
  if (event.kind != "pin" || !event.token || !interactive_) return true;
  auto unlocked = ask_and_unlock(*event.token);
  if (unlocked) return true;
  // Nobody will come with the PIN: waiting for it would be in vain.
  prompt_fault_ = unlocked.error();
  return false;
}

Result<void> Session::ask_and_unlock(const std::string& token) {
  auto pin = prompt_secret("PIN of token " + token + ": ");
  if (!pin) return pin.error();
  auto other = connect_another();
  if (!other) return other.error();
  auto unlocked = other->unlock_token(token, std::optional<Secret>(std::move(*pin)));
  if (!unlocked) return unlocked.error();
  return {};
}

Result<void> Session::unlock_for(const Error& pin_required) {
  const std::string token = text_parameter(pin_required, "token");
  if (token.empty()) return pin_required;
  note(Color::Notice, pin_required.message);
  return ask_and_unlock(token);
}

Result<Secret> Session::need_pin(const PinOptions& options, const std::string& prompt) const {
  auto given = read_pin(options);
  if (!given) return given.error();
  if (*given) return std::move(**given);
  return prompt_secret(prompt + ": ");
}

Result<Secret> Session::need_new_pin(const PinOptions& options, const std::string& prompt) const {
  auto given = read_pin(options);
  if (!given) return given.error();
  if (*given) return std::move(**given);
  auto first = prompt_secret("New " + prompt + ": ");
  if (!first) return first.error();
  auto second = prompt_secret("New " + prompt + ", again: ");
  if (!second) return second.error();
  if (first->text() != second->text())
    return Error(ErrorName::PinRequired,
                 "The two PINs that were typed differ; nothing was changed. Run this again.");
  return std::move(*first);
}

}  // namespace signet::client
