// Files are replaced whole or not at all, whatever happens meanwhile.
#include "client/file_io.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>

#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

using namespace signet;
using namespace signet::client;
using namespace signet::test;
namespace fs = std::filesystem;

namespace {

void put(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string get(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

unsigned mode(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0U;
}

std::string why(const Result<void>& result) {
  return result ? "done" : std::string(result.error().parameters.at("why").as_string());
}

// Runs `body` in a child, which may give up privileges or limit itself; its exit status.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int status_of(const Result<void>& result, std::string_view expected) {
  return why(result) == expected ? 0 : 1;
}

}  // namespace

TEST_CASE("a file is replaced, with its mode, and nothing is left beside it") {
  ScratchDir scratch;
  const fs::path file = scratch / "root.json";
  put(file, "old");
  ::chmod(file.c_str(), 0640);
  REQUIRE(replace_file(file, "old", "new"));
  CHECK(get(file) == "new");
  CHECK(mode(file) == 0640);
  CHECK(entries(scratch.path()) == 1);
}

TEST_CASE("through a symbolic link its target is replaced, and the link stays") {
  ScratchDir scratch;
  fs::create_directory(scratch / "real");
  put(scratch / "real/file", "old");
  fs::create_symlink("real/file", scratch / "link");
  REQUIRE(replace_file(scratch / "link", "old", "new"));
  CHECK(fs::is_symlink(scratch / "link"));
  CHECK(get(scratch / "real/file") == "new");
}

TEST_CASE("a file that changed meanwhile is left as somebody else wrote it") {
  ScratchDir scratch;
  const fs::path file = scratch / "f";
  for (const char* theirs : {"their", "old and more", ""}) {
    put(file, theirs);
    CHECK(why(replace_file(file, "old", "new")) == "changed");
    CHECK(get(file) == theirs);
    CHECK(entries(scratch.path()) == 1);
  }
  fs::remove(file);
  CHECK(why(replace_file(file, "old", "new")) == "not-found");
  CHECK(entries(scratch.path()) == 0);
}

TEST_CASE("a folder that may not be written to: the file stays") {
  ScratchDir scratch;
  const fs::path folder = scratch / "folder", file = scratch / "folder/f";
  fs::create_directory(folder);
  put(file, "old");
  ::chmod(scratch.path().c_str(), 0755);
  ::chmod(folder.c_str(), 0555);
  CHECK(in_child([&] {
          // The superuser may write everywhere.
          if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return 2;
          return status_of(replace_file(file, "old", "new"), "permission");
        }) == 0);
  ::chmod(folder.c_str(), 0755);
  CHECK(get(file) == "old");
  CHECK(entries(folder) == 1);
}

TEST_CASE("no room for the new content: the file stays and nothing is left beside it") {
  ScratchDir scratch;
  const fs::path file = scratch / "f";
  put(file, "old");
  CHECK(in_child([&] {
          std::signal(SIGXFSZ, SIG_IGN);
          const rlimit limit{4096, 4096};
          if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
          return status_of(replace_file(file, "old", std::string(100'000, 'x')), "disk-full");
        }) == 0);
  CHECK(get(file) == "old");
  CHECK(entries(scratch.path()) == 1);
}

TEST_CASE("of many who replace one file at once, exactly one does") {
  ScratchDir scratch;
  const fs::path file = scratch / "f";
  put(file, "old");
  std::vector<pid_t> children;
  for (int number = 0; number < 8; ++number) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(replace_file(file, "old", "by " + std::to_string(number)) ? 0 : 1);
    children.push_back(child);
  }
  int done = 0;
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    done += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : 0;
  }
  CHECK(done == 1);
  CHECK(get(file).starts_with("by "));
  CHECK(entries(scratch.path()) == 1);
}

TEST_CASE("a file of one's own respects the umask and what is there already") {
  ScratchDir scratch;
  const fs::path file = scratch / "out";
  const mode_t before = ::umask(027);
  REQUIRE(write_file(file, "one", Existing::Refuse));
  ::umask(before);
  CHECK(mode(file) == 0640);
  CHECK(why(write_file(file, "two", Existing::Refuse)) == "exists");
  CHECK(get(file) == "one");
  REQUIRE(write_file(file, "three", Existing::Replace));
  CHECK(get(file) == "three");
  CHECK(why(write_file(scratch / "no/such/folder", "x", Existing::Replace)) == "not-found");
  CHECK(entries(scratch.path()) == 1);
}

TEST_CASE("reading stops at its limit and names what is wrong") {
  ScratchDir scratch;
  put(scratch / "f", "12345");
  CHECK(*read_whole_file(scratch / "f", 5) == "12345");
  CHECK(read_whole_file(scratch / "f", 4).error().parameters.at("why") == "too-large");
  CHECK(read_whole_file(scratch / "g", 4).error().parameters.at("why") == "not-found");
  CHECK(read_whole_file(scratch.path(), 4).error().name == ErrorName::FileFault);
  CHECK(read_whole_file(scratch / "g", 4).error().message.find((scratch / "g").string()) !=
        std::string::npos);
}
