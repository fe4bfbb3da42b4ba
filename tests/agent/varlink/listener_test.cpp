#include "agent/varlink/listener.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "raw_client.h"
#include "tests/agent/config/scratch.h"
#include "tests/support/result_printing.h"

using signet::Listener;
using signet::test::RawClient;
using signet::test::Scratch;
namespace fs = std::filesystem;

namespace {

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

// A socket file whose agent is dead.
void leave_stale_socket(const fs::path& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(fd);
}

}  // namespace

TEST_CASE("a socket is its owner's alone, in a directory of the same kind, and goes with its agent") {
  const Scratch scratch;
  const fs::path path = scratch.path() / "signet/agent.sock";
  const mode_t before = ::umask(0);  // not to be relied on
  {
    const auto listener = Listener::open({path, false});
    ::umask(before);
    REQUIRE(listener);
    CHECK(mode_of(path) == 0600);
    CHECK(mode_of(path.parent_path()) == 0700);
    const RawClient client(path);
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("the system's socket is for the group signet") {
  const Scratch scratch;
  const fs::path path = scratch.path() / "signet/agent.sock";
  const auto listener = Listener::open({path, true});
  if (::getgrnam("signet") == nullptr) {
    REQUIRE(listener.has_error());
    CHECK_THAT(listener.error().message, Catch::Contains("addgroup"));
  } else if (::geteuid() == 0) {
    REQUIRE(listener);
    CHECK(mode_of(path) == 0660);
    CHECK(mode_of(path.parent_path()) == 0755);
  }
}

TEST_CASE("a stale socket is taken over") {
  const Scratch scratch;
  const fs::path path = scratch.path() / "agent.sock";
  leave_stale_socket(path);
  REQUIRE(fs::exists(path));
  const auto listener = Listener::open({path, false});
  REQUIRE(listener);
  const RawClient client(path);
}

TEST_CASE("a live socket is not taken over") {
  const Scratch scratch;
  const fs::path path = scratch.path() / "agent.sock";
  const auto first = Listener::open({path, false});
  REQUIRE(first);
  SECTION("one with our lock") {}
  SECTION("one without: some other program's") {
    fs::remove(path.string() + ".lock");
  }
  const auto second = Listener::open({path, false});
  REQUIRE(second.has_error());
  CHECK(second.error().name == signet::ErrorName::AlreadyExists);
  CHECK_THAT(second.error().message, Catch::Contains(path.string()) && Catch::Contains("--socket"));
  const RawClient client(path);  // and still serves
}

TEST_CASE("what is no socket is left alone") {
  const Scratch scratch;
  const fs::path path = scratch.write("agent.sock", "precious");
  const auto listener = Listener::open({path, false});
  REQUIRE(listener.has_error());
  CHECK(fs::file_size(path) == 8);
}

TEST_CASE("a socket that another took is not removed") {
  const Scratch scratch;
  const fs::path path = scratch.path() / "agent.sock";
  {
    const auto listener = Listener::open({path, false});
    REQUIRE(listener);
    // The other's must not get the inode number of ours: it is made while ours is there.
    leave_stale_socket(scratch.path() / "other.sock");
    fs::rename(scratch.path() / "other.sock", path);
  }
  CHECK(fs::exists(path));
}

TEST_CASE("a directory that others can write to is refused, a sticky one is not") {
  const Scratch scratch;
  const fs::path directory = scratch.path() / "open";
  REQUIRE(::mkdir(directory.c_str(), 0700) == 0);
  REQUIRE(::chmod(directory.c_str(), 0777) == 0);
  const auto refused = Listener::open({directory / "agent.sock", false});
  REQUIRE(refused.has_error());
  CHECK_THAT(refused.error().message, Catch::Contains("0700"));
  REQUIRE(::chmod(directory.c_str(), 01777) == 0);
  CHECK(Listener::open({directory / "agent.sock", false}));
}

TEST_CASE("a path that no socket can have is refused with its reason") {
  const Scratch scratch;
  const auto lengthy = Listener::open({scratch.path() / std::string(120, 'x'), false});
  REQUIRE(lengthy.has_error());
  CHECK_THAT(lengthy.error().message, Catch::Contains("107"));
  CHECK(Listener::open({"agent.sock", false}).has_error());
  CHECK(Listener::open({scratch.path() / "no/such/agent.sock", false}).has_error());
}

TEST_CASE("the listening socket is not inherited") {
  const Scratch scratch;
  const auto listener = Listener::open({scratch.path() / "agent.sock", false});
  REQUIRE(listener);
  CHECK((::fcntl(listener->fd(), F_GETFD) & FD_CLOEXEC) != 0);
}
