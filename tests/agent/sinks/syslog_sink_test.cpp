// Records as lines of the syslog.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <cstring>

#include "agent/sinks/record_sink.h"
#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

namespace signet::test {
namespace {

const std::string kLedger(64, 'a'), kDigest(64, 'b');

RecordRow row(std::int64_t sequence, const std::string& name) {
  return {sequence, "2026-11-21T23:00:00Z",
          R"({"body":{"format":"tuf","repository":")" + name + R"("},"detail":")" + kDigest +
              R"(","kind":"repository.create","sequence":)" + std::to_string(sequence) +
              R"(,"time":"2026-11-21T23:00:00Z","uid":0})"};
}

// A syslog daemon of the test's own.
class Daemon {
 public:
  explicit Daemon(const std::filesystem::path& path)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Daemon() { ::close(socket_); }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  std::string line() {
    std::string text(100'000, '\0');
    const ssize_t size = ::recv(socket_, text.data(), text.size(), MSG_DONTWAIT);
    return size < 0 ? "" : text.substr(0, static_cast<std::size_t>(size));
  }

 private:
  int socket_;
};

TEST_CASE("a record is a line of the syslog", "[sinks]") {
  ScratchDir scratch;
  Daemon daemon(scratch / "log");
  const auto sink = make_syslog_sink(scratch / "log");
  // Canonical JSON writes a line feed as it is.
  REQUIRE(sink->write(kLedger, {row(7, "r")}));
  const std::string line = daemon.line();
  CHECK(line.starts_with("<86>"));
  CHECK(line.find("signetd[" + std::to_string(::getpid()) +
                  "]: ledger aaaaaaaa record 7: created the repository r") != std::string::npos);
  CHECK(line.ends_with(row(7, "r").statement));
}

TEST_CASE("a line of the syslog stays one, whatever stands in a name", "[sinks]") {
  ScratchDir scratch;
  Daemon daemon(scratch / "log");
  const auto sink = make_syslog_sink(scratch / "log");
  // Canonical JSON writes a line feed as it is.
  REQUIRE(sink->write(kLedger, {row(7, "r\n<0>forged")}));
  const std::string line = daemon.line();
  CHECK(line.find("created the repository r?<0>forged") != std::string::npos);
  CHECK(line.find('\n') == std::string::npos);
}

TEST_CASE("a checkpoint in the syslog is a note that can be verified", "[sinks]") {
  ScratchDir scratch;
  Daemon daemon(scratch / "log");
  const auto sink = make_syslog_sink(scratch / "log");
  const std::string note = "origin\n2\nhash\n\n\xe2\x80\x94 origin c2lnbmF0dXJl\n";
  REQUIRE(sink->write_checkpoint(kLedger, note));
  const std::string line = daemon.line();
  const std::size_t begin = line.find("checkpoint: ");
  REQUIRE(begin != std::string::npos);
  CHECK(line.find('\n') == std::string::npos);
  CHECK(boost::json::parse(line.substr(begin + 12)).as_string() == note.c_str());
}

TEST_CASE("a statement that is too long for syslog is left out, and the line says so", "[sinks]") {
  ScratchDir scratch;
  Daemon daemon(scratch / "log");
  const auto sink = make_syslog_sink(scratch / "log");
  REQUIRE(sink->write(kLedger, {row(7, std::string(60'000, 'x'))}));
  const std::string line = daemon.line();
  CHECK(line.size() < kMaxSyslogLine + 200);
  CHECK(line.ends_with("see the ledger)"));
}

TEST_CASE("a syslog that is not there is a failure, and is found when it comes", "[sinks]") {
  ScratchDir scratch;
  const auto sink = make_syslog_sink(scratch / "log");
  const auto failed = sink->write(kLedger, {row(1, "r")});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().name == ErrorName::FileFault);
  {
    Daemon daemon(scratch / "log");
    REQUIRE(sink->write(kLedger, {row(1, "r")}));
  }
  CHECK_FALSE(sink->write(kLedger, {row(2, "r")}));
  std::filesystem::remove(scratch / "log");
  Daemon again(scratch / "log");
  REQUIRE(sink->write(kLedger, {row(2, "r")}));
  CHECK(again.line().find("record 2") != std::string::npos);
}

}  // namespace
}  // namespace signet::test
