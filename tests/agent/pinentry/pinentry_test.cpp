#include "agent/pinentry/pinentry.h"

#include <signal.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <fstream>
#include <optional>
#include <sstream>

#include "tests/support/scratch.h"

using namespace signet;
using namespace signet::test;
namespace asio = boost::asio;
using Kind = PromptOutcome::Kind;
using namespace std::chrono_literals;

namespace {

// A pinentry that writes down what it is told and answers as the test says.
class FakePinentry {
 public:
  // reactions: lines of Python, the body of `react(command) -> str` ("" for "OK").
  explicit FakePinentry(const std::string& reactions,
                        const std::string& greeting = "OK Pleased to meet you") {
    std::ofstream script(path());
    script
        << "#!/usr/bin/python3\nimport os, sys, time\n"
        << "def react(command: str) -> str:\n"
        << reactions << "    return ''\n"
        << "log = open('" << log().string() << "', 'a', encoding='utf-8')\n"
        << "log.write(f'PID {os.getpid()}\\n' + ''.join(f'ENV {k}={v}\\n' for k, v in os.environ.items()))\n"
        << "print('" << greeting << "', flush=True)\n"
        << "for line in sys.stdin:\n"
        << "    log.write(line); log.flush()\n"
        << "    print(react(line.rstrip()) or 'OK', flush=True)\n"
        << "    if line.startswith('BYE'): break\n";
    script.close();
    ::chmod(path().c_str(), 0700);
  }

  std::filesystem::path path() const { return dir_ / "pinentry"; }
  std::filesystem::path log() const { return dir_ / "log"; }
  std::string heard() const {
    std::ifstream file(log());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  pid_t pid() const {
    const std::string text = heard();
    return text.starts_with("PID ") ? std::stoi(text.substr(4)) : -1;
  }

 private:
  ScratchDir dir_;
};

ConfirmationPrompt prompt(const std::string& question = "Sign?") {
  ConfirmationPrompt out;
  out.question = question;
  out.details = "root 13 → 14: 100%";
  return out;
}

// Runs prompts to their ends.
struct Agent {
  asio::io_context loop{1};
  Pinentry pinentry;

  explicit Agent(const std::filesystem::path& program, std::chrono::milliseconds timeout = 20s,
                 std::vector<std::string> environment = {"PATH=/nowhere"})
      : pinentry(loop.get_executor(), std::move(environment)) {
    PinentrySettings settings;
    settings.program = program;
    settings.timeout = timeout;
    pinentry.configure(settings);
  }
  std::shared_ptr<std::optional<PromptOutcome>> start(ConfirmationPrompt what) {
    auto out = std::make_shared<std::optional<PromptOutcome>>();
    asio::co_spawn(loop, pinentry.confirm(std::move(what)),
                   [out](const std::exception_ptr& fault, PromptOutcome outcome) {
                     if (!fault) *out = std::move(outcome);
                   });
    return out;
  }
  PromptOutcome ask(ConfirmationPrompt what = prompt()) {
    const auto outcome = start(std::move(what));
    loop.restart();
    loop.run();
    REQUIRE(outcome->has_value());
    return std::move(**outcome);
  }
  PromptOutcome ask_pin(const std::string& error = "") {
    std::optional<PromptOutcome> answered;
    asio::co_spawn(loop, pinentry.ask_pin("The agent needs the PIN of token \"alpha\".", error),
                   [&](const std::exception_ptr& fault, PromptOutcome outcome) {
                     if (!fault) answered = std::move(outcome);
                   });
    loop.restart();
    loop.run();
    REQUIRE(answered.has_value());
    return std::move(*answered);
  }
};

std::string on_confirm(const std::string& answer) {
  return "    if command == 'CONFIRM': return '" + answer + "'\n";
}

}  // namespace

TEST_CASE("a yes is a yes, a no is a no") {
  FakePinentry yes("");
  CHECK(Agent(yes.path()).ask().kind == Kind::Confirmed);
  for (const char* refusal : {"ERR 83886179 Operation cancelled <Pinentry>",
                              "ERR 83886194 Not confirmed <Pinentry>", "ERR 99", "ERR 114"}) {
    FakePinentry no(on_confirm(refusal));
    CHECK(Agent(no.path()).ask().kind == Kind::Refused);
  }
  FakePinentry late(on_confirm("ERR 83886142 Timeout <Pinentry>"));
  CHECK(Agent(late.path()).ask().kind == Kind::TimedOut);
}

TEST_CASE("what is asked is what the pinentry is told, and no more of the environment than it needs") {
  FakePinentry fake("");
  Agent agent(fake.path(), 20s,
              {"DISPLAY=:7", "WAYLAND_DISPLAY=w-0", "LANG=de_DE.UTF-8", "GPG_TTY=/dev/tty9", "TERM=xterm",
               "LD_PRELOAD=/evil.so", "SIGNET_IDENTITY_TOKEN_FILE=/x", "DISPLAYS=no"});
  REQUIRE(agent.ask().kind == Kind::Confirmed);
  const std::string heard = fake.heard();
  CHECK(heard.find("\nSETDESC Sign?%0A%0Aroot 13 → 14: 100%25\n") != std::string::npos);
  CHECK(heard.find("\nSETTIMEOUT 20\n") != std::string::npos);
  CHECK(heard.find("\nOPTION ttyname=/dev/tty9\n") != std::string::npos);
  CHECK(heard.find("\nOPTION display=:7\n") != std::string::npos);
  CHECK(heard.find("ENV DISPLAY=:7\n") != std::string::npos);
  CHECK(heard.find("ENV WAYLAND_DISPLAY=w-0\n") != std::string::npos);
  for (const char* hidden : {"LD_PRELOAD", "SIGNET_IDENTITY", "DISPLAYS", "nowhere"})
    CHECK(heard.find(hidden) == std::string::npos);
  CHECK(heard.find("\nCONFIRM\nBYE\n") != std::string::npos);
}

TEST_CASE("a pinentry that is not there, dies, talks nonsense or refuses the text gives no confirmation") {
  CHECK(Agent("/nonexistent/pinentry").ask().kind == Kind::Unavailable);
  CHECK(Agent("/nonexistent/pinentry").ask().why.find("[pinentry] program") != std::string::npos);
  CHECK(Agent("/bin/true").ask().kind == Kind::Unavailable);
  CHECK(Agent("/bin/false").ask().why.find("exited with status 1") != std::string::npos);
  FakePinentry greeting("", "Hello");
  CHECK(Agent(greeting.path()).ask().kind == Kind::Unavailable);
  FakePinentry crash("    if command == 'CONFIRM': os.kill(os.getpid(), 11)\n");
  CHECK(Agent(crash.path()).ask().why.find("signal 11") != std::string::npos);
  FakePinentry quits("    if command == 'CONFIRM': sys.exit(0)\n");  // status 0 is no yes
  CHECK(Agent(quits.path()).ask().kind == Kind::Unavailable);
  FakePinentry nonsense(on_confirm("YES"));
  CHECK(Agent(nonsense.path()).ask().kind == Kind::Unavailable);
  FakePinentry other(on_confirm("ERR 83886085 No PIN entry"));
  CHECK(Agent(other.path()).ask().kind == Kind::Unavailable);
  FakePinentry mute("    if command.startswith('SETDESC'): return 'ERR 1 no'\n");
  CHECK(Agent(mute.path()).ask().kind == Kind::Unavailable);
  CHECK(mute.heard().find("CONFIRM") == std::string::npos);
  FakePinentry poor("    if command.startswith('OPTION'): return 'ERR 174 unknown option'\n");
  CHECK(Agent(poor.path()).ask().kind == Kind::Confirmed);
}

TEST_CASE("a pinentry that hangs is killed after the timeout") {
  FakePinentry hangs("    if command == 'CONFIRM': time.sleep(1000)\n");
  Agent agent(hangs.path(), 300ms);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(agent.ask().kind == Kind::TimedOut);
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(took >= 1300ms);
  CHECK(took < 10s);
  CHECK(::kill(hangs.pid(), 0) != 0);
}

TEST_CASE("an answer counts though the pinentry does not go") {
  FakePinentry stays("    if command == 'BYE': time.sleep(1000)\n");
  CHECK(Agent(stays.path(), 300ms).ask().kind == Kind::Confirmed);
  CHECK(::kill(stays.pid(), 0) != 0);
}

TEST_CASE("one prompt at a time, in order, and not more than wait") {
  FakePinentry fake("    if command == 'CONFIRM': time.sleep(0.05)\n");
  Agent agent(fake.path());
  std::vector<std::shared_ptr<std::optional<PromptOutcome>>> outcomes;
  for (std::size_t i = 0; i < kMaxWaitingPrompts + 2; ++i)
    outcomes.push_back(agent.start(prompt("Question " + std::to_string(i) + "?")));
  agent.loop.run();
  // The first is shown, kMaxWaitingPrompts wait; the last finds no place.
  for (std::size_t i = 0; i <= kMaxWaitingPrompts; ++i) CHECK((**outcomes[i]).kind == Kind::Confirmed);
  CHECK((**outcomes.back()).kind == Kind::Unavailable);
  CHECK((**outcomes.back()).why.find("prompts that wait") != std::string::npos);
  const std::string heard = fake.heard();
  std::size_t at = 0;
  for (std::size_t i = 0; i <= kMaxWaitingPrompts; ++i) {
    const std::size_t next = heard.find("SETDESC Question " + std::to_string(i) + "?", at);
    REQUIRE(next != std::string::npos);
    // Nothing of another prompt between this one's beginning and its end.
    const std::size_t bye = heard.find("BYE", next);
    CHECK(heard.substr(next, bye - next).find("PID") == std::string::npos);
    at = bye;
  }
}

TEST_CASE("a stopping agent ends the prompt that is shown and those that wait") {
  FakePinentry hangs("    if command == 'CONFIRM': time.sleep(1000)\n");
  Agent agent(hangs.path());
  const auto shown = agent.start(prompt()), waits = agent.start(prompt());
  while (hangs.heard().find("CONFIRM") == std::string::npos) agent.loop.run_for(20ms);
  CHECK_FALSE(shown->has_value());
  agent.pinentry.shut_down();
  agent.loop.run();
  CHECK((**shown).why == "The agent is stopping.");
  CHECK((**waits).why == "The agent is stopping.");
  CHECK(agent.ask().why == "The agent is stopping.");
  CHECK(::kill(hangs.pid(), 0) != 0);
}

std::string on_getpin(const std::string& answer) {
  return "    if command == 'GETPIN': return '" + answer + "'\n";
}

TEST_CASE("a PIN comes back as it was typed, for the token that is named") {
  FakePinentry typed(on_getpin("D 12%2534 %0A5\\nOK"));
  const PromptOutcome answer = Agent(typed.path()).ask_pin("It is wrong: 2 tries are left.");
  REQUIRE(answer.kind == Kind::Confirmed);
  CHECK(answer.pin.text() == "12%34 \n5");
  const std::string heard = typed.heard();
  CHECK(heard.find("SETDESC The agent needs the PIN of token \"alpha\".") != std::string::npos);
  CHECK(heard.find("SETERROR It is wrong: 2 tries are left.") != std::string::npos);
  CHECK(heard.find("CONFIRM") == std::string::npos);
}

TEST_CASE("a prompt for a PIN that is cancelled, left alone, broken or answered with too much gives none") {
  FakePinentry cancels(on_getpin("ERR 83886179 Operation cancelled <Pinentry>"));
  CHECK(Agent(cancels.path()).ask_pin().kind == Kind::Refused);
  FakePinentry late(on_getpin("ERR 83886142 Timeout <Pinentry>"));
  CHECK(Agent(late.path()).ask_pin().kind == Kind::TimedOut);
  FakePinentry hangs("    if command == 'GETPIN': time.sleep(1000)\n");
  CHECK(Agent(hangs.path(), 200ms).ask_pin().kind == Kind::TimedOut);
  FakePinentry dies("    if command == 'GETPIN': sys.exit(1)\n");
  CHECK(Agent(dies.path()).ask_pin().kind == Kind::Unavailable);
  CHECK(Agent("/nonexistent/pinentry").ask_pin().kind == Kind::Unavailable);
  FakePinentry floods(on_getpin("D " + std::string(900, '1') + "\\nOK"));
  const PromptOutcome flooded = Agent(floods.path()).ask_pin();
  CHECK(flooded.kind == Kind::Unavailable);
  CHECK(flooded.pin.empty());
  FakePinentry empty("");
  CHECK(Agent(empty.path()).ask_pin().pin.empty());
}
