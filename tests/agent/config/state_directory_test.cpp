#include "agent/config/state_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "scratch.h"
#include "tests/support/result_printing.h"

using signet::StateDirectory;
using signet::test::Scratch;
namespace fs = std::filesystem;

TEST_CASE("a state directory is made for its owner alone, parents too") {
  const Scratch scratch;
  const fs::path path = scratch.path() / "a/b/signet";
  const auto directory = StateDirectory::open(path);
  REQUIRE(directory);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  CHECK(directory->path() == path);
}

TEST_CASE("a state directory has one holder, until that one is gone") {
  const Scratch scratch;
  const fs::path path = scratch.path() / "state";
  {
    const auto first = StateDirectory::open(path);
    REQUIRE(first);
    const auto second = StateDirectory::open(path);
    REQUIRE(second.has_error());
    CHECK(second.error().name == signet::ErrorName::AlreadyExists);
    CHECK_THAT(second.error().message, Catch::Contains(path.string()) && Catch::Contains("--state"));
    const auto moved_in = StateDirectory::open(path.string() + "/");
    CHECK(moved_in.has_error());  // the same one
  }
  CHECK(StateDirectory::open(path));
}

TEST_CASE("a program that the agent starts does not inherit the lock") {
  const Scratch scratch;
  const fs::path path = scratch.path() / "state";
  pid_t child = -1;
  {
    const auto directory = StateDirectory::open(path);
    REQUIRE(directory);
    child = ::fork();
    if (child == 0) {
      ::execl("/bin/sleep", "sleep", "60", nullptr);
      ::_exit(127);
    }
    REQUIRE(child > 0);
    const std::string exe = "/proc/" + std::to_string(child) + "/exe";
    while (fs::read_symlink(exe).filename() == fs::read_symlink("/proc/self/exe").filename()) ::usleep(1000);
  }
  CHECK(StateDirectory::open(path));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("a state directory that others can look into is refused") {
  const Scratch scratch;
  const fs::path path = scratch.path() / "state";
  REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  for (const mode_t mode : {0750U, 0705U, 0777U}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    const auto directory = StateDirectory::open(path);
    REQUIRE(directory.has_error());
    CHECK_THAT(directory.error().message, Catch::Contains("chmod 700"));
  }
  REQUIRE(::chmod(path.c_str(), 0700) == 0);
  CHECK(StateDirectory::open(path));
}

TEST_CASE("what cannot be a state directory is refused") {
  const Scratch scratch;
  CHECK(StateDirectory::open("relative/path").has_error());
  CHECK(StateDirectory::open(scratch.write("file", "x")).has_error());
  CHECK(StateDirectory::open(scratch.path() / "file/below").has_error());
  fs::create_symlink("nowhere", scratch.path() / "dangling");
  CHECK(StateDirectory::open(scratch.path() / "dangling").has_error());
  if (::geteuid() == 0) {
    const fs::path foreign = scratch.path() / "foreign";
    REQUIRE(::mkdir(foreign.c_str(), 0700) == 0);
    REQUIRE(::chown(foreign.c_str(), 12345, 12345) == 0);
    const auto directory = StateDirectory::open(foreign);
    REQUIRE(directory.has_error());
    CHECK_THAT(directory.error().message, Catch::Contains("belongs to uid 12345"));
  }
}
