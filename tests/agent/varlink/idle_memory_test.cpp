// What is not needed is given back, and the program goes on as before.
#include "agent/varlink/idle_memory.h"

#include <openssl/sha.h>

#include <array>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <string>

using signet::release_idle_memory;

namespace {

// Of all code that is mapped, how much is in memory: KiB.
std::size_t resident_code() {
  std::ifstream smaps("/proc/self/smaps");
  std::size_t all = 0;
  bool is_code = false;
  for (std::string line; std::getline(smaps, line);) {
    std::istringstream words(line);
    std::string first, second;
    words >> first >> second;
    if (first.back() != ':') is_code = second == "r-xp";
    if (is_code && first == "Rss:") all += std::stoul(second);
  }
  return all;
}

std::string sha256(const std::string& text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return {digest.begin(), digest.end()};
}

}  // namespace

TEST_CASE("code is let go of, and found again when it is needed") {
  const std::string digest = sha256("signet");
  const std::size_t before = resident_code();
  release_idle_memory();
  const std::size_t after = resident_code();
  CHECK(after < before);
  CHECK(sha256("signet") == digest);
  CHECK_THROWS_AS(std::stoul("no number"), std::invalid_argument);  // unwinding reads code's tables
  release_idle_memory();
  CHECK(resident_code() < before);
}
