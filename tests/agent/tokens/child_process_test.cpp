// Child processes and the primitives that coroutines wait with.
#include "agent/tokens/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <csignal>
#include <fstream>
#include <sstream>

#include "agent/tokens/wait_list.h"
#include "tests/agent/tokens/token_fixture.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;

namespace {

// Runs a shell line as a child and gives what it wrote and how it ended.
std::pair<std::string, std::string> run_child(const std::string& line, std::vector<std::string> environment,
                                              int descriptor_3 = -1) {
  boost::asio::io_context io(1);
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  FileDescriptor output(ends[0]), input(ends[1]);
  ChildCommand command;
  command.program = "/bin/sh";
  command.arguments = {"-c", line};
  command.environment = std::move(environment);
  command.standard_output = input.get();
  command.descriptor_3 = descriptor_3;
  auto child = ChildProcess::start(io.get_executor(), command);
  REQUIRE(child);
  input.reset();
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(output.get(), buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return {text, run(io, child->wait())};
}

}  // namespace

// Asio reuses what it keeps of a descriptor that was closed, together with an event for it that is on its
// way.
TEST_CASE("a child does not end for what happened on a descriptor that was closed before it was started") {
  using boost::asio::local::stream_protocol;
  boost::asio::io_context io(1);
  stream_protocol::socket first(io), first_peer(io), second(io), second_peer(io);
  boost::asio::local::connect_pair(first, first_peer);
  boost::asio::local::connect_pair(second, second_peer);
  std::optional<ChildProcess> child;
  bool ended = false;
  first.async_wait(boost::asio::socket_base::wait_read, [&](boost::system::error_code) {
    second.close();  // its own event was read together with this one
    ChildCommand command;
    command.program = "/bin/sleep";
    command.arguments = {"30"};
    auto started = ChildProcess::start(io.get_executor(), command);
    if (!started) return;
    child.emplace(std::move(*started));
    boost::asio::co_spawn(io, child->wait(), [&](std::exception_ptr, const std::string&) { ended = true; });
  });
  second.async_wait(boost::asio::socket_base::wait_read, [](boost::system::error_code) {});
  first_peer.close();
  second_peer.close();
  io.run_for(200ms);
  REQUIRE(child);
  CHECK_FALSE(ended);
  CHECK(::kill(child->pid(), 0) == 0);
  child->kill();
  io.restart();
  io.run_for(5s);
  CHECK(ended);
}

TEST_CASE("a child has the environment it is given and nothing else") {
  ::setenv("SIGNET_TEST_SECRET", "leaked", 1);
  const auto [text, how] = run_child("/usr/bin/env", {"ONE=1", "TWO=2"});
  CHECK(how.empty());
  CHECK(text.find("ONE=1\n") != std::string::npos);
  CHECK(text.find("TWO=2\n") != std::string::npos);
  CHECK(text.find("leaked") == std::string::npos);
}

TEST_CASE("a child has no descriptor beside 0, 1, 2 and 3, not even one without O_CLOEXEC") {
  const FileDescriptor careless(::open("/etc/passwd", O_RDONLY));
  REQUIRE(careless);
  auto pair = socket_pair(SOCK_SEQPACKET);
  REQUIRE(pair);
  const auto [without, how] = run_child("cd /proc/self/fd && echo *", {"PATH=/usr/bin:/bin"});
  CHECK(how.empty());
  // The shell itself opens one to read the folder.
  CHECK((without == "0 1 2 3\n" || without == "0 1 2\n"));
  const auto [with, ended] = run_child("readlink /proc/self/fd/3; readlink /proc/self/fd/0",
                                       {"PATH=/usr/bin:/bin"}, pair->second.get());
  CHECK(with.starts_with("socket:"));
  CHECK(with.find("/dev/null") != std::string::npos);
}

TEST_CASE("a child starts with default signals and an empty mask") {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t block, before;
  sigemptyset(&block);
  sigaddset(&block, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &block, &before);
  const auto [text, how] = run_child("grep -E 'Sig(Blk|Ign)' /proc/self/status", {"PATH=/usr/bin:/bin"});
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  CHECK(text.find("SigBlk:\t0000000000000000") != std::string::npos);
  // 32 and 33 are glibc's own.
  const auto ignored = std::stoull(text.substr(text.find("SigIgn:") + 8, 16), nullptr, 16) & ~0x180000000ULL;
  CHECK(ignored == 0);
}

TEST_CASE("the end of a child is told, and killing takes its own children with it") {
  CHECK(run_child("exit 7", {}).second == "exited with status 7");
  CHECK(run_child("kill -SEGV $$", {}).second == "was killed by signal 11 (Segmentation fault)");
  boost::asio::io_context io(1);
  ScratchDir dir;
  ChildCommand command;
  command.program = "/bin/sh";
  command.arguments = {"-c", "sleep 100 & echo $! > " + (dir / "pid").string() + "; wait"};
  command.environment = {"PATH=/usr/bin:/bin"};
  auto child = ChildProcess::start(io.get_executor(), command);
  REQUIRE(child);
  pid_t grandchild = 0;
  for (int i = 0; i < 200 && grandchild == 0; ++i) {
    ::usleep(10000);
    std::ifstream(dir / "pid") >> grandchild;
  }
  REQUIRE(grandchild > 0);
  child->kill();
  child->kill();
  CHECK(run(io, child->wait()) == "was killed by signal 9 (Killed)");
  bool gone = false;
  for (int i = 0; i < 200 && !gone; ++i) {
    // An orphan may stay a zombie until init reaps it: dead is dead.
    std::ifstream status("/proc/" + std::to_string(grandchild) + "/stat");
    std::string text((std::istreambuf_iterator<char>(status)), {});
    gone = text.empty() || text.find(") Z ") != std::string::npos || text.find(") X ") != std::string::npos;
    if (!gone) ::usleep(10000);
  }
  CHECK(gone);
}

TEST_CASE("a child that its owner lets go is killed and reaped") {
  boost::asio::io_context io(1);
  pid_t pid = 0;
  {
    ChildCommand command;
    command.program = "/bin/sleep";
    command.arguments = {"100"};
    auto child = ChildProcess::start(io.get_executor(), command);
    REQUIRE(child);
    pid = child->pid();
  }
  CHECK(::kill(pid, 0) != 0);
}

TEST_CASE("a program that is not there is an error with its name") {
  boost::asio::io_context io(1);
  ChildCommand command;
  command.program = "/nonexistent/program";
  const auto child = ChildProcess::start(io.get_executor(), command);
  REQUIRE_FALSE(child);
  CHECK(child.error().message.find("/nonexistent/program") != std::string::npos);
}

TEST_CASE("who waits first is woken first; who is late leaves the list") {
  boost::asio::io_context io(1);
  WaitList list(io.get_executor());
  std::string order;
  const auto waiter = [&](char name, WaitList::Clock::time_point until) -> boost::asio::awaitable<void> {
    const bool woken = co_await list.wait(until);
    order += woken ? name : '-';
  };
  const auto never = WaitList::Clock::time_point::max();
  boost::asio::co_spawn(io, waiter('a', never), boost::asio::detached);
  boost::asio::co_spawn(io, waiter('b', WaitList::Clock::now() + 20ms), boost::asio::detached);
  boost::asio::co_spawn(io, waiter('c', never), boost::asio::detached);
  run_for(io, 60ms);
  CHECK(order == "-");
  CHECK(list.size() == 2);
  CHECK(list.wake_one());
  run_for(io, 5ms);
  CHECK(order == "-a");
  list.wake_all();
  CHECK_FALSE(list.wake_one());
  run_for(io, 5ms);
  CHECK(order == "-ac");
}

TEST_CASE("the coroutine mutex lets one in at a time, in order") {
  boost::asio::io_context io(1);
  CoroutineMutex mutex(io.get_executor());
  std::string order;
  int inside = 0;
  const auto worker = [&](char name) -> boost::asio::awaitable<void> {
    const auto guard = co_await mutex.lock();
    CHECK(++inside == 1);
    boost::asio::steady_timer timer(io, 1ms);
    co_await timer.async_wait(boost::asio::use_awaitable);
    order += name;
    --inside;
  };
  for (const char name : {'a', 'b', 'c', 'd'}) boost::asio::co_spawn(io, worker(name), boost::asio::detached);
  run_for(io, 200ms);
  CHECK(order == "abcd");
}
