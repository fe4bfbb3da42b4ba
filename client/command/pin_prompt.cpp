#include "client/command/pin_prompt.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include "client/command/console.h"

namespace signet::client {
namespace {

Error no_answer(std::string message, bool interrupted) {
  boost::json::object parameters;
  if (interrupted) parameters["interrupted"] = true;
  return {ErrorName::PinRequired, std::move(message), std::move(parameters)};
}

Error no_terminal() {
  return no_answer(
      "There is no terminal to ask at. Give the PIN with --pin-file or --pin-fd where the verb has them, "
      "unlock the token "
      "from a terminal first (signet token unlock), or configure a PIN source for it in the agent.",
      false);
}

class Terminal {
 public:
  Terminal() : descriptor_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    if (descriptor_ >= 0 && ::tcgetattr(descriptor_, &before_) != 0) close_it();
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    restore();
    close_it();
  }
  bool present() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

  // What was typed before the prompt is thrown away: it was not meant for it.
  void hide_echo() {
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
    hidden_ = ::tcsetattr(descriptor_, TCSAFLUSH, &hidden) == 0 || hidden_;
  }
  void restore() {
    if (hidden_) ::tcsetattr(descriptor_, TCSAFLUSH, &before_);
    hidden_ = false;
  }
  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::write(descriptor_, text.data(), text.size());
      if (count < 0 && errno != EINTR) return;
      if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
    }
  }

 private:
  void close_it() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }
  int descriptor_;
  termios before_{};
  bool hidden_ = false;
};

// While this lives, the signals that would end or stop the program are read from a descriptor instead, so
// that the terminal can be restored before they take effect. No handler, so no race with one.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t held;
    ::sigemptyset(&held);
    for (const int one : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT}) ::sigaddset(&held, one);
    ::pthread_sigmask(SIG_BLOCK, &held, &before_);
    descriptor_ = ::signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() {
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int descriptor() const { return descriptor_; }
  std::optional<int> take() const {
    signalfd_siginfo info{};
    if (::read(descriptor_, &info, sizeof info) != sizeof info) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
  }

 private:
  sigset_t before_{};
  int descriptor_ = -1;
};

// A line without its newline, in memory that is wiped.
struct Line {
  Line() = default;
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() { wipe_memory(text.data(), text.size()); }
  std::array<char, 4096> text{};  // the kernel's longest line in canonical mode
  std::size_t size = 0;
  bool ended = false;
};

struct Wakeup {
  std::optional<int> signal;  // arrived; nothing was read
};

// Waits for a signal or a line. The kernel gives a whole line at once.
Wakeup read_line(const Terminal& terminal, const HeldSignals& signals, Line& line) {
  for (;;) {
    std::array<pollfd, 2> poll{{{terminal.descriptor(), POLLIN, 0}, {signals.descriptor(), POLLIN, 0}}};
    if (::poll(poll.data(), poll.size(), -1) < 0 && errno != EINTR) return {};
    if ((poll[1].revents & POLLIN) != 0)
      if (auto signal = signals.take()) return {signal};
    if (poll[0].revents == 0) continue;
    const ssize_t count = ::read(terminal.descriptor(), line.text.data(), line.text.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    line.size = count > 0 ? static_cast<std::size_t>(count) : 0;
    line.ended = line.size > 0 && line.text[line.size - 1] == '\n';
    if (line.ended) --line.size;
    return {};
  }
}

enum class Echo { Shown, Hidden };

// One showing of the prompt. A signal that came is returned after the terminal is as it was.
Wakeup ask_once(Terminal& terminal, std::string_view prompt, Echo echo, Line& line) {
  const HeldSignals signals;
  if (echo == Echo::Hidden) terminal.hide_echo();
  terminal.write(prompt);
  const Wakeup wakeup = read_line(terminal, signals, line);
  terminal.restore();
  if (echo == Echo::Hidden || wakeup.signal || !line.ended) terminal.write("\n");
  return wakeup;
}

Result<void> ask(std::string_view prompt, Echo echo, Line& line) {
  Terminal terminal;
  if (!terminal.present()) return no_terminal();
  const std::string shown = printable(prompt);
  for (;;) {
    const Wakeup wakeup = ask_once(terminal, shown, echo, line);
    if (!wakeup.signal) break;
    // Ends or stops the program here, unless it is SIGCONT or somebody handles it.
    if (*wakeup.signal != SIGCONT) ::raise(*wakeup.signal);
  }
  if (line.size == 0) return no_answer("Nothing was typed: given up.", true);
  return {};
}

}  // namespace

bool terminal_present() {
  return Terminal().present();
}

Result<Secret> prompt_secret(std::string_view prompt) {
  Line line;
  if (auto asked = ask(prompt, Echo::Hidden, line); !asked) return asked.error();
  if (line.size > kMaxPinSize)
    return no_answer(
        "What was typed is longer than " + std::to_string(kMaxPinSize) + " bytes: no token has such a PIN.",
        false);
  return Secret(std::string_view(line.text.data(), line.size));
}

Result<std::string> prompt_line(std::string_view prompt) {
  Line line;
  if (auto asked = ask(prompt, Echo::Shown, line); !asked) return asked.error();
  return std::string(line.text.data(), line.size);
}

}  // namespace signet::client
