#include "agent/start_pages.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

namespace signet {
namespace {

// The mapping that holds this address: where it begins and ends, and how many KiB of it are resident.
struct Mapping {
  std::uintptr_t begin = 0, end = 0;
  long resident_kib = 0;
};

Mapping mapping_of(std::uintptr_t address) {
  std::ifstream maps("/proc/self/smaps");
  Mapping mapping;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    if (fields >> std::hex >> begin >> dash >> end && dash == '-') mapping = {begin, end, 0};
    const bool ours = mapping.begin <= address && address < mapping.end;
    if (ours && line.starts_with("Rss:")) {
      std::istringstream(line.substr(4)) >> mapping.resident_kib;
      return mapping;
    }
  }
  return {};
}

// Reads a byte of every page.
unsigned touch(const Mapping& mapping) {
  unsigned sum = 0;
  for (std::uintptr_t page = mapping.begin; page < mapping.end; page += 4096)
    sum += *reinterpret_cast<const volatile unsigned char*>(page);  // NOLINT(performance-no-int-to-ptr)
  return sum;
}

TEST_CASE("the code of the start is given back, and runs when it is wanted again", "[start_pages]") {
  const auto code = reinterpret_cast<std::uintptr_t>(&give_back_start_pages);
  const unsigned before = touch(mapping_of(code));
  const Mapping full = mapping_of(code);
  REQUIRE(full.resident_kib > 300);
  give_back_start_pages();
  const Mapping left = mapping_of(code);
  CHECK(left.resident_kib < full.resident_kib - 100);
  CHECK(touch(left) == before);
}

TEST_CASE("what was written stays as it is when the code of the start is given back", "[start_pages]") {
  static std::string data = "written before";          // .data
  static const std::string* const* const table = [] {  // relocated by the linker, read-only afterwards
    static const std::string* const pointers[] = {&data};
    return pointers;
  }();
  const std::string heap(100'000, 'x');
  give_back_start_pages();
  CHECK(**table == "written before");
  CHECK(heap == std::string(100'000, 'x'));
  CHECK_THROWS_AS(std::stoi("not a number"), std::invalid_argument);  // unwinding reads the code's tables
}

}  // namespace
}  // namespace signet
