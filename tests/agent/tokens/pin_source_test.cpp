// PIN sources: what is read, and what is refused.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "agent/tokens/pin_source.h"
#include "tests/agent/tokens/token_fixture.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;

namespace {

Result<Secret> read(const PinSource& source, std::chrono::milliseconds deadline = 5s) {
  boost::asio::io_context io(1);
  return run(io, read_pin(io.get_executor(), source, "alpha", deadline));
}

PinSource file_source(const std::filesystem::path& path) {
  PinSource source;
  source.kind = PinSource::Kind::File;
  source.file = path;
  return source;
}

PinSource command_source(std::vector<std::string> command) {
  PinSource source;
  source.kind = PinSource::Kind::Command;
  source.command = std::move(command);
  return source;
}

void write(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  std::ofstream(path) << content;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

void check_refused(const Result<Secret>& result, const std::string& why) {
  REQUIRE_FALSE(result);
  CHECK(result.error().name == ErrorName::PinRequired);
  CHECK(result.error().parameters.at("token").as_string() == "alpha");
  CAPTURE(result.error().message);
  CHECK(result.error().message.find(why) != std::string::npos);
  CHECK(result.error().message.find("secret-pin") == std::string::npos);
}

}  // namespace

TEST_CASE("a file with mode 0400 or 0600 gives its content without the final line end") {
  ScratchDir dir;
  write(dir / "a", "123456\n", 0400);
  write(dir / "b", "123456\r\n", 0600);
  write(dir / "c", " 12 34 ", 0400);
  write(dir / "d", std::string(kMaxPinSize, 'x') + "\n", 0400);
  CHECK(read(file_source(dir / "a"))->text() == "123456");
  CHECK(read(file_source(dir / "b"))->text() == "123456");
  CHECK(read(file_source(dir / "c"))->text() == " 12 34 ");
  CHECK(read(file_source(dir / "d"))->size() == kMaxPinSize);
}

TEST_CASE("files that others may touch, that are no files, or that hold no PIN are refused") {
  ScratchDir dir;
  for (const mode_t mode : {0640U, 0604U, 0644U, 0700U, 0620U}) {
    write(dir / "open", "secret-pin\n", mode);
    check_refused(read(file_source(dir / "open")), "chmod 0400");
  }
  write(dir / "good", "secret-pin\n", 0400);
  std::filesystem::create_symlink(dir / "good", dir / "link");
  check_refused(read(file_source(dir / "link")), "symbolic link");
  check_refused(read(file_source(dir / "none")), "No such file");
  check_refused(read(file_source(dir.path())), "not a regular file");
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  check_refused(read(file_source(dir / "fifo")), "not a regular file");
  write(dir / "empty", "\n", 0600);
  check_refused(read(file_source(dir / "empty")), "empty");
  write(dir / "lines", "secret-pin\nsecret-pin\n", 0600);
  check_refused(read(file_source(dir / "lines")), "one line");
  write(dir / "long", std::string(kMaxPinSize + 1, 'x') + "\n", 0600);
  check_refused(read(file_source(dir / "long")), "longer than");
  write(dir / "nul", std::string_view("secret\0pin", 10), 0600);
  check_refused(read(file_source(dir / "nul")), "NUL");
}

TEST_CASE("a file of another user is refused") {
  if (::geteuid() != 0) return;  // only root can make one
  ScratchDir dir;
  write(dir / "theirs", "secret-pin\n", 0400);
  REQUIRE(::chown((dir / "theirs").c_str(), 65534, 65534) == 0);
  check_refused(read(file_source(dir / "theirs")), "belongs to uid 65534");
}

TEST_CASE("a systemd credential is a file name in $CREDENTIALS_DIRECTORY") {
  ScratchDir dir;
  write(dir / "alpha-pin", "123456\n", 0400);
  PinSource source;
  source.kind = PinSource::Kind::Credential;
  source.file = "alpha-pin";
  ::unsetenv("CREDENTIALS_DIRECTORY");
  check_refused(read(source), "CREDENTIALS_DIRECTORY is not set");
  ::setenv("CREDENTIALS_DIRECTORY", dir.path().c_str(), 1);
  CHECK(read(source)->text() == "123456");
  REQUIRE(::chmod((dir / "alpha-pin").c_str(), 0440) == 0);  // as systemd's ACL shows
  CHECK(read(source)->text() == "123456");
  REQUIRE(::chmod((dir / "alpha-pin").c_str(), 0444) == 0);
  check_refused(read(source), "mode 0444");
  for (const char* name : {"../alpha-pin", "", "..", "/etc/passwd"}) {
    source.file = name;
    check_refused(read(source), "no credential name");
  }
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_CASE("a command's first line is the PIN; no shell sees its arguments") {
  CHECK(read(command_source({"/bin/echo", "123456"}))->text() == "123456");
  CHECK(read(command_source({"/bin/echo", "$HOME;`id`"}))->text() == "$HOME;`id`");
  CHECK(read(command_source({"/usr/bin/printf", "123456\\nsecond line\\n"}))->text() == "123456");
  CHECK(read(command_source({"/bin/sh", "-c", "cat; echo 77"}))->text() == "77");  // standard input is empty
}

TEST_CASE("a command that fails, says too much, says nothing, or does not end is told") {
  check_refused(read(command_source({"echo", "secret-pin"})), "absolute path");
  check_refused(read(command_source({})), "absolute path");
  check_refused(read(command_source({"/nonexistent/program"})), "cannot be started");
  check_refused(read(command_source({"/bin/sh", "-c", "echo secret-pin; exit 3"})), "exited with status 3");
  check_refused(read(command_source({"/bin/true"})), "empty");
  check_refused(read(command_source({"/bin/sh", "-c", "kill -9 $$"})), "killed by signal 9");
  const auto start = std::chrono::steady_clock::now();
  check_refused(read(command_source({"/bin/sh", "-c", "echo secret-pin; sleep 60"}), 300ms),
                "did not end within 300 ms");
  // Its children go with it, though they hold the pipe open.
  check_refused(read(command_source({"/bin/sh", "-c", "sleep 60 & wait"}), 300ms), "did not end");
  check_refused(read(command_source({"/bin/sh", "-c", "yes secret-pin"})), "more than 4096 bytes");
  CHECK(std::chrono::steady_clock::now() - start < 10s);
}
