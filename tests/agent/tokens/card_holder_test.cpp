// Who is connected to a daemon: found by its socket, with a daemon and clients of the test's own.
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "agent/tokens/card_holder.h"

#include "agent/tokens/child_process.h"
#include "agent/tokens/held_cards.h"
#include "tests/agent/tokens/token_fixture.h"

using namespace signet;
using namespace signet::test;

namespace {

// Where programs connect to, as they do to pcscd.
class Daemon {
 public:
  Daemon() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd_.get(), 8) == 0);
  }
  std::filesystem::path path() const { return dir_ / "pcscd.comm"; }
  FileDescriptor accept() { return FileDescriptor(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  ScratchDir dir_;
  FileDescriptor fd_;
};

// Not a child of this process, whose own are left out: the shell between them is. Ends with its standard
// input.
std::string client_of(const Daemon& daemon) {
  return "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect('" + daemon.path().string() +
         "')\nsys.stdin.read()\n";
}

struct Client {
  explicit Client(const Daemon& daemon, bool own = false) {
    const std::string program = client_of(daemon);
    const std::string command = "exec 3<&0; python3 -c \"$0\" <&3 & wait";
    REQUIRE(::pipe2(ends_.data(), O_CLOEXEC) == 0);
    ChildCommand child;
    child.program = own ? "/usr/bin/python3" : "/bin/sh";
    child.arguments =
        own ? std::vector<std::string>{"-c", program} : std::vector<std::string>{"-c", command, program};
    child.environment = {"PATH=/usr/bin:/bin"};
    child.standard_input = ends_[0];
    auto started = ChildProcess::start(io_.get_executor(), child);
    REQUIRE(started);
    child_.emplace(std::move(*started));
    ::close(ends_[0]);
  }
  ~Client() {
    ::close(ends_[1]);
    run(io_, waited());
  }
  boost::asio::awaitable<void> waited() { co_await child_->wait(); }

  std::array<int, 2> ends_{};
  boost::asio::io_context io_{1};
  std::optional<ChildProcess> child_;
};

}  // namespace

TEST_CASE("a program that is connected to the daemon is named; this one and its children are not") {
  Daemon daemon;
  CHECK(card_users(daemon.path()).empty());
  Client other(daemon);
  const FileDescriptor one = daemon.accept();
  REQUIRE(one);
  const auto users = card_users(daemon.path());
  REQUIRE(users.size() == 1);
  CHECK(users.front().program.starts_with("python3"));
  CHECK(held_by(users) ==
        "It is held by " + users.front().program + " (pid " + std::to_string(users.front().pid) + ").");
  {
    Client own(daemon, true);
    const FileDescriptor another = daemon.accept();
    REQUIRE(another);
    CHECK(card_users(daemon.path()).size() == 1);
  }
  CHECK(card_users(daemon.path().string() + "x").empty());
}

TEST_CASE("where several programs are connected, none is accused") {
  const std::vector<CardUser> two = {{11, "scdaemon"}, {12, "firefox"}};
  CHECK(held_by(two) == "It is held by one of these programs: scdaemon (pid 11), firefox (pid 12).");
  CHECK(held_by({}) == "Another program holds it.");
  // A reader's name is its maker's.
  CHECK(held_cards_hint({{"Reader \x1b[31m\xff"}, "It is held by scdaemon (pid 11)."}) ==
        "What card is in the reader \"Reader \\u{1b}[31m\\x{ff}\" cannot be seen: another program has it for "
        "itself. "
        "It is held by scdaemon (pid 11). If it is the one, have it let go, or end it.");
  CHECK(pcscd_socket({}) == "/run/pcscd/pcscd.comm");
  CHECK(pcscd_socket({{"PCSCLITE_CSOCK_NAME", "/x"}}) == "/x");
}
