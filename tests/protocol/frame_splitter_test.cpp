#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "protocol/varlink_message.h"
#include "tests/support/result_printing.h"

using signet::FrameLimits;
using signet::FrameSplitter;

namespace {

FrameLimits small_limits() {
  FrameLimits limits;
  limits.size = 100;
  limits.large_size = 1000;
  limits.large_methods = {"a.Large"};
  return limits;
}

void feed(FrameSplitter& splitter, std::string_view bytes) {
  const auto room = splitter.prepare(bytes.size());
  REQUIRE(room.size() >= bytes.size());
  std::memcpy(room.data(), bytes.data(), bytes.size());
  splitter.commit(bytes.size());
}

std::optional<std::string> next(FrameSplitter& splitter) {
  auto frame = splitter.next();
  REQUIRE(frame);
  if (!*frame) return std::nullopt;
  return std::string(signet::as_text(**frame));
}

std::string limit_of(FrameSplitter& splitter) {
  const auto frame = splitter.next();
  REQUIRE(frame.has_error());
  CHECK(frame.error().name == signet::ErrorName::LimitExceeded);
  return std::string(frame.error().parameters.at("limit").as_string());
}

std::string large_frame(std::size_t size) {
  std::string frame = R"({"method":"a.Large","p":")";
  return frame + std::string(size - frame.size(), 'x');
}

}  // namespace

TEST_CASE("frames come out as they went in, however the reads cut them") {
  std::mt19937 random(GENERATE(range(0U, 20U)));
  FrameLimits limits;
  limits.size = 200'000;
  FrameSplitter splitter(limits);
  std::vector<std::string> sent;
  std::string stream;
  for (int i = 0; i < 60; ++i) {
    const std::size_t size = i % 10 == 0 ? random() % 190'000 : random() % 50;
    sent.emplace_back(size, static_cast<char>('a' + i % 26));
    stream += sent.back() + '\0';
  }
  std::vector<std::string> received;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t count = std::min<std::size_t>(1 + random() % 30'000, stream.size() - at);
    feed(splitter, std::string_view(stream).substr(at, count));
    at += count;
    while (auto frame = next(splitter)) received.push_back(*frame);
  }
  CHECK(received == sent);
  CHECK(splitter.pending() == 0);
}

TEST_CASE("an unfinished frame is pending") {
  FrameSplitter splitter(small_limits());
  feed(splitter, std::string("one\0tw", 6));
  CHECK(next(splitter) == "one");
  CHECK(next(splitter) == std::nullopt);
  CHECK(splitter.pending() == 2);
  feed(splitter, std::string("o\0", 2));
  CHECK(next(splitter) == "two");
  CHECK(next(splitter) == std::nullopt);
  CHECK(splitter.pending() == 0);
}

TEST_CASE("an empty frame is one") {
  FrameSplitter splitter(small_limits());
  feed(splitter, std::string(2, '\0'));
  CHECK(next(splitter) == "");
  CHECK(next(splitter) == "");
  CHECK(next(splitter) == std::nullopt);
}

TEST_CASE("a frame has at most its size, whether it is finished or not") {
  const bool finished = GENERATE(false, true);
  const std::string end = finished ? std::string(1, '\0') : "";
  FrameSplitter good(small_limits()), bad(small_limits());
  feed(good, std::string(100, 'x') + end);
  CHECK(next(good).has_value() == finished);
  feed(bad, std::string(101, 'x') + end);
  CHECK(limit_of(bad) == "frame-size");
}

TEST_CASE("a frame that names a large method may be larger") {
  FrameSplitter splitter(small_limits());
  feed(splitter, large_frame(1000));
  CHECK(next(splitter) == std::nullopt);
  CHECK(splitter.large());
  feed(splitter, std::string(1, '\0'));
  CHECK(next(splitter) == large_frame(1000));
  feed(splitter, large_frame(1001));
  CHECK(limit_of(splitter) == "metadata-frame-size");
}

TEST_CASE("the right to be large ends with its frame") {
  FrameSplitter splitter(small_limits());
  feed(splitter, large_frame(500) + '\0' + std::string(101, 'x'));
  CHECK(next(splitter) == large_frame(500));
  CHECK(limit_of(splitter) == "frame-size");
}

TEST_CASE("the method's name must stand early, whole, in quotes") {
  const std::string frame =
      GENERATE(std::string(100, ' ') + R"({"method":"a.Large"})",                 // late
               std::string(95, ' ') + R"("a.Large")" + std::string(20, ' '),      // across the edge
               R"({"method":"a.Larger"})" + std::string(100, ' '),                // another method
               R"({"method":"x.a.Large"})" + std::string(100, ' '),               // of another interface
               R"({"p":"\"a.Large\"","method":"b.C"})" + std::string(100, ' '));  // inside a string
  CAPTURE(frame);
  FrameSplitter splitter(small_limits());
  feed(splitter, frame);
  CHECK(limit_of(splitter) == "frame-size");
}
