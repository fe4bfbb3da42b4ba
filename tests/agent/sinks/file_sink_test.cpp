// Records in a file: whole lines, whatever happens to the file.
#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>

#include "agent/sinks/record_sink.h"
#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;

const std::string kLedger(64, 'a');

RecordRow row(std::int64_t sequence, std::size_t padding = 0) {
  return {sequence, "2026-11-21T23:00:00Z",
          "{\"body\":{\"x\":\"" + std::string(padding, 'x') + "\"},\"sequence\":" + std::to_string(sequence) +
              "}"};
}

std::vector<RecordRow> rows(std::int64_t first, std::int64_t last, std::size_t padding = 0) {
  std::vector<RecordRow> all;
  for (; first <= last; ++first) all.push_back(row(first, padding));
  return all;
}

std::string content(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

// The sequences in it; every line must be whole.
std::vector<std::int64_t> sequences(const fs::path& file) {
  std::vector<std::int64_t> found;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    const auto parsed = boost::json::parse(line);
    if (parsed.as_object().contains("record")) found.push_back(parsed.at("record").at("sequence").as_int64());
  }
  CHECK((content(file).empty() || content(file).back() == '\n'));
  return found;
}

using Numbers = std::vector<std::int64_t>;

TEST_CASE("a file gets a line for each record, with its statement byte for byte", "[sinks]") {
  ScratchDir scratch;
  const auto sink = make_file_sink(scratch / "log");
  REQUIRE(sink->write(kLedger, rows(1, 2)));
  REQUIRE(sink->write_checkpoint(kLedger, "origin\n2\nhash\n\n- sig\n"));
  REQUIRE(sink->write(kLedger, rows(3, 3)));
  CHECK(sequences(scratch / "log") == Numbers{1, 2, 3});
  CHECK(content(scratch / "log").find("\"record\":" + row(2).statement + "}\n") != std::string::npos);
  struct stat status {};
  REQUIRE(stat((scratch / "log").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
}

TEST_CASE("a file is opened again when it was rotated or removed", "[sinks]") {
  ScratchDir scratch;
  const auto sink = make_file_sink(scratch / "log");
  REQUIRE(sink->write(kLedger, rows(1, 1)));
  fs::rename(scratch / "log", scratch / "log.1");
  REQUIRE(sink->write(kLedger, rows(2, 2)));
  CHECK(sequences(scratch / "log.1") == Numbers{1});
  CHECK(sequences(scratch / "log") == Numbers{2});
  fs::remove(scratch / "log");
  std::ofstream(scratch / "log").close();  // logrotate's "create"
  REQUIRE(sink->write(kLedger, rows(3, 3)));
  CHECK(sequences(scratch / "log") == Numbers{3});
}

TEST_CASE("the newest record is known from the file itself", "[sinks]") {
  ScratchDir scratch;
  CHECK_FALSE(make_file_sink(scratch / "log")->last(kLedger));
  REQUIRE(make_file_sink(scratch / "log")->write(kLedger, rows(1, 7)));
  REQUIRE(make_file_sink(scratch / "log")->write_checkpoint(kLedger, "note"));
  CHECK(make_file_sink(scratch / "log")->last(kLedger) == 7);
  CHECK_FALSE(make_file_sink(scratch / "log")->last(std::string(64, 'b')));
  // Lines longer than what is looked at first, and a line that was never finished.
  REQUIRE(make_file_sink(scratch / "log")->write(kLedger, rows(8, 20, 60'000)));
  std::ofstream(scratch / "log", std::ios::app)
      << "{\"ledger\":\"" << kLedger << "\",\"record\":{\"sequence\":99";
  CHECK(make_file_sink(scratch / "log")->last(kLedger) == 20);
}

TEST_CASE("a line that was begun by a kill is cut off before the next", "[sinks]") {
  ScratchDir scratch;
  REQUIRE(make_file_sink(scratch / "log")->write(kLedger, rows(1, 2)));
  std::ofstream(scratch / "log", std::ios::app) << "{\"ledger\":\"aaa";
  REQUIRE(make_file_sink(scratch / "log")->write(kLedger, rows(3, 3)));
  CHECK(sequences(scratch / "log") == Numbers{1, 2, 3});
}

TEST_CASE("a full disk leaves whole lines, and passes", "[sinks]") {
  ScratchDir scratch;
  const auto sink = make_file_sink(scratch / "log");
  REQUIRE(sink->write(kLedger, rows(1, 10)));
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
  rlimit tight = limit;
  tight.rlim_cur = fs::file_size(scratch / "log") + 300;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const auto failed = sink->write(kLedger, rows(11, 20));
  REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  std::signal(SIGXFSZ, before);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().name == ErrorName::FileFault);
  CHECK(failed.error().message.find((scratch / "log").string()) != std::string::npos);
  CHECK(sequences(scratch / "log").size() == 10);
  REQUIRE(sink->write(kLedger, rows(11, 20)));
  CHECK(sequences(scratch / "log").size() == 20);
}

TEST_CASE("what is no file of its own is not written", "[sinks]") {
  ScratchDir scratch;
  fs::create_symlink(scratch / "elsewhere", scratch / "link");
  CHECK_FALSE(make_file_sink(scratch / "link")->write(kLedger, rows(1, 1)));
  REQUIRE(mkfifo((scratch / "fifo").c_str(), 0600) == 0);
  CHECK_FALSE(make_file_sink(scratch / "fifo")->write(kLedger, rows(1, 1)));
  CHECK_FALSE(make_file_sink(scratch.path())->write(kLedger, rows(1, 1)));
  CHECK_FALSE(make_file_sink(scratch / "no/such/place")->write(kLedger, rows(1, 1)));
}

}  // namespace
}  // namespace signet::test
