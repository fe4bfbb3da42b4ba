#include "agent/pinentry/pinentry.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

extern char** environ;

namespace signet {

namespace asio = boost::asio;

namespace {

using std::chrono::milliseconds;

// A pinentry that has not noticed its own timeout by then is killed.
constexpr milliseconds kGrace{1000};

constexpr auto kPassedOn = std::to_array<std::string_view>(
    {"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "XDG_SESSION_TYPE", "XDG_CURRENT_DESKTOP",
     "DBUS_SESSION_BUS_ADDRESS", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES",
     "TERM"});

std::string value_of(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& entry : environment)
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      return entry.substr(name.size() + 1);
  return {};
}

PromptOutcome unavailable(std::string why) {
  PromptOutcome outcome;
  outcome.why = std::move(why);
  return outcome;
}

// A pinentry and the thread that talks to it. The destructor ends both: the thread's read returns when the
// socket is shut down, whoever else may hold the other end.
class Conversation {
 public:
  Conversation(ChildProcess child, FileDescriptor ours, Dialogue dialogue)
      : child_(std::move(child)), shutter_(::fcntl(ours.get(), F_DUPFD_CLOEXEC, 3)) {
    sigset_t all, old;  // SIGPIPE stays with the thread, and the loop's signals with the loop
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    thread_ = std::thread([this, fd = ours.release(), dialogue = std::move(dialogue)] {
      outcome_ = converse(FileDescriptor(fd), dialogue);
      ::shutdown(shutter_.get(), SHUT_RDWR);  // a pinentry that ignores BYE sees the end
    });
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
  }
  ~Conversation() {
    child_.kill();
    end();
  }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  void kill() { child_.kill(); }
  // When the pinentry has ended.
  asio::awaitable<PromptOutcome> outcome() {
    const std::string how = co_await child_.wait();
    end();
    if (outcome_.kind == PromptOutcome::Kind::Unavailable && !how.empty())
      outcome_.why += " The program " + how + ".";
    co_return std::move(outcome_);
  }

 private:
  void end() {
    if (!thread_.joinable()) return;
    ::shutdown(shutter_.get(), SHUT_RDWR);
    thread_.join();
  }

  ChildProcess child_;
  FileDescriptor shutter_;
  PromptOutcome outcome_;  // the thread's until it is joined
  std::thread thread_;
};

Result<std::unique_ptr<Conversation>> begin(const asio::any_io_executor& executor,
                                            const PinentrySettings& settings,
                                            const std::vector<std::string>& environment, Dialogue dialogue) {
  auto sockets = socket_pair(SOCK_STREAM);
  if (!sockets) return sockets.error();
  auto [ours, theirs] = std::move(*sockets);
  const int flags = ::fcntl(ours.get(), F_GETFL);
  if (flags < 0 || ::fcntl(ours.get(), F_SETFL, flags & ~O_NONBLOCK) != 0)
    return Error(ErrorName::Internal, "A socket cannot be made to block.");
  ChildCommand command;
  command.program = settings.program;
  command.environment = pinentry_environment(environment);
  command.standard_input = theirs.get();
  command.standard_output = theirs.get();
  command.own_session = true;  // a terminal that the agent was started from must not stop it (SIGTTIN)
  auto child = ChildProcess::start(executor, command);
  if (!child) return child.error();
  return std::make_unique<Conversation>(std::move(*child), std::move(ours), std::move(dialogue));
}

}  // namespace

std::vector<std::string> pinentry_environment(const std::vector<std::string>& environment) {
  std::vector<std::string> out{"PATH=/usr/local/bin:/usr/bin:/bin"};
  for (const std::string_view name : kPassedOn)
    if (const std::string value = value_of(environment, name); !value.empty())
      out.push_back(std::string(name) + "=" + value);
  return out;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) out.emplace_back(*entry);
  return out;
}

Pinentry::Pinentry(asio::any_io_executor executor, std::vector<std::string> environment)
    : executor_(std::move(executor)), environment_(std::move(environment)), turn_(executor_) {}

Dialogue Pinentry::dialogue(const ConfirmationPrompt& prompt) const {
  Dialogue out;
  const std::string tty = settings_.tty.empty() ? value_of(environment_, "GPG_TTY") : settings_.tty.string();
  if (!tty.empty()) {
    const std::string type = value_of(environment_, "TERM");
    out.options.emplace_back("ttyname", tty);
    out.options.emplace_back("ttytype", type.empty() ? "linux" : type);
  }
  for (const auto& [option, name] : {std::pair{"display", "DISPLAY"}, {"lc-messages", "LC_MESSAGES"}})
    if (const std::string value = value_of(environment_, name); !value.empty())
      out.options.emplace_back(option, value);
  // Our text is UTF-8, whatever the agent was started with.
  const std::string type = value_of(environment_, "LC_CTYPE");
  out.options.emplace_back("lc-ctype", type.empty() ? "C.UTF-8" : type);
  out.title = "Signet";
  out.description = prompt_text(prompt);
  out.ok = "Confirm";
  out.cancel = "Refuse";
  out.timeout = std::chrono::ceil<std::chrono::seconds>(settings_.timeout);
  return out;
}

asio::awaitable<PromptOutcome> Pinentry::confirm(ConfirmationPrompt prompt) {
  Dialogue asked = dialogue(prompt);
  co_return co_await in_turn(std::move(asked));
}

asio::awaitable<PromptOutcome> Pinentry::ask_pin(std::string question, std::string error) {
  ConfirmationPrompt prompt;
  prompt.question = std::move(question);
  Dialogue asked = dialogue(prompt);
  asked.ok = "Unlock";
  asked.cancel = "Cancel";
  asked.asks_pin = true;
  asked.error = std::move(error);
  co_return co_await in_turn(std::move(asked));
}

asio::awaitable<PromptOutcome> Pinentry::in_turn(Dialogue dialogue) {
  if (waiting_ >= kMaxWaitingPrompts)
    co_return unavailable("There are " + std::to_string(waiting_) +
                          " prompts that wait for an answer already. Answer those first.");
  const std::uint64_t ticket = next_ticket_++;
  ++waiting_;
  while (served_ != ticket) co_await turn_.wait();
  --waiting_;
  PromptOutcome outcome;
  if (shut_down_)
    outcome = unavailable("The agent is stopping.");
  else
    outcome = co_await show(std::move(dialogue));
  ++served_;
  turn_.notify();
  co_return outcome;
}

asio::awaitable<PromptOutcome> Pinentry::show(Dialogue dialogue) {
  auto conversation = begin(executor_, settings_, environment_, std::move(dialogue));
  if (!conversation)
    co_return unavailable("No prompt can be shown: " + conversation.error().message +
                          " Install a pinentry (pinentry-gnome3, pinentry-qt, pinentry-curses or "
                          "pinentry-tty), or name one in [pinentry] program.");
  bool late = false, ended = false;
  Conversation& running = **conversation;
  Deadline deadline(executor_);
  deadline.arm(settings_.timeout + kGrace, [&] {
    late = true;
    running.kill();
  });
  end_shown_ = [&] {
    ended = true;
    running.kill();
  };
  PromptOutcome outcome = co_await running.outcome();
  deadline.disarm();
  end_shown_ = nullptr;
  if (ended) co_return unavailable("The agent is stopping.");
  if (late && outcome.kind == PromptOutcome::Kind::Unavailable) outcome.kind = PromptOutcome::Kind::TimedOut;
  co_return outcome;
}

void Pinentry::shut_down() {
  shut_down_ = true;
  if (end_shown_) end_shown_();
}

}  // namespace signet
