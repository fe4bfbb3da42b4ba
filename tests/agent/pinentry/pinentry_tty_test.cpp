// Debian's pinentry-tty on a pseudo terminal: what a person sees and types.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <cerrno>
#include <optional>

#include "agent/pinentry/pinentry.h"

using namespace signet;
namespace asio = boost::asio;
using Kind = PromptOutcome::Kind;
using namespace std::chrono_literals;

namespace {

class Terminal {
 public:
  Terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)) {
    REQUIRE(::grantpt(master_.get()) == 0);
    REQUIRE(::unlockpt(master_.get()) == 0);
    name_ = ::ptsname(master_.get());
    slave_ =
        FileDescriptor(::open(name_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));  // so that it never hangs up
    REQUIRE(slave_);
  }
  const std::string& name() const { return name_; }
  // Reads what is there now.
  const std::string& screen() {
    char buffer[4096];
    for (ssize_t got; (got = ::read(master_.get(), buffer, sizeof buffer)) > 0;)
      screen_.append(buffer, static_cast<std::size_t>(got));
    return screen_;
  }
  void type(std::string_view keys) {
    REQUIRE(::write(master_.get(), keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
  }

 private:
  FileDescriptor master_, slave_;
  std::string name_, screen_;
};

// Shows a prompt on a terminal, types `keys` when it stands there, and returns how it ended.
struct Shown {
  std::string screen;
  PromptOutcome outcome;
};
Shown show(std::string_view keys, std::chrono::milliseconds timeout) {
  Terminal terminal;
  asio::io_context loop{1};
  Pinentry pinentry(loop.get_executor(), {"TERM=xterm"});
  PinentrySettings settings;
  settings.program = "/usr/bin/pinentry-tty";
  settings.tty = terminal.name();
  settings.timeout = timeout;
  pinentry.configure(settings);
  ConfirmationPrompt prompt;
  prompt.question = "Sign root 14?";
  prompt.details = "root 13 → 14\n  threshold 2 → 1 (LOWERED)";
  std::optional<PromptOutcome> outcome;
  asio::co_spawn(loop, pinentry.confirm(prompt), [&](const std::exception_ptr& fault, PromptOutcome end) {
    if (!fault) outcome = std::move(end);
  });
  bool typed = false;
  for (int round = 0; round < 2000 && !outcome; ++round) {
    loop.run_for(10ms);
    if (!typed && terminal.screen().find("LOWERED") != std::string::npos &&
        terminal.screen().find("[cr]?") != std::string::npos) {
      typed = true;
      if (!keys.empty()) terminal.type(keys);
    }
  }
  REQUIRE(outcome.has_value());
  return {terminal.screen(), std::move(*outcome)};
}

}  // namespace

TEST_CASE("a person at a terminal confirms or refuses with pinentry-tty") {
  REQUIRE(::access("/usr/bin/pinentry-tty", X_OK) == 0);  // tests/packages.txt
  const Shown yes = show("c", 20s);
  CHECK(yes.outcome.kind == Kind::Confirmed);
  CHECK(yes.outcome.why.empty());
  CHECK(yes.screen.find("Sign root 14?") != std::string::npos);
  CHECK(yes.screen.find("root 13 → 14") != std::string::npos);
  CHECK(show("r", 20s).outcome.kind == Kind::Refused);
}

TEST_CASE("a person who does not come is no yes") {
  CHECK(show("", 1s).outcome.kind != Kind::Confirmed);
  CHECK(show("", 1s).outcome.kind == Kind::TimedOut);
}
