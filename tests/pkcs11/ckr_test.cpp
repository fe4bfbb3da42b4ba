// The table of return codes against the two Cryptoki headers that Debian has.
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <vector>

#include "pkcs11/ckr.h"
#include "tests/build_paths.h"

namespace signet::host {
namespace {

// CKR_ constants of a header, read as text: the two headers cannot be included together.
std::map<std::string, std::uint64_t> constants(const std::string& path) {
  std::map<std::string, std::uint64_t> result;
  std::ifstream file(path);
  const std::regex line_of(R"(^#define\s+(CKR_\w+)\s+\(?(0x[0-9A-Fa-f]+|\d+)U?L?\)?)");
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (std::regex_search(line, match, line_of)) result[match[1]] = std::stoull(match[2], nullptr, 0);
  }
  result.erase("CKR_VENDOR_DEFINED");
  return result;
}

void check_header(const std::string& path, std::size_t at_least, const std::set<std::string>& mistaken = {}) {
  const auto names = constants(path);
  CHECK(names.size() >= at_least);
  for (const auto& [name, value] : names) {
    CAPTURE(path, name);
    CHECK((ckr_name(value) == name) == !mistaken.contains(name));
  }
}

// p11-kit 0.24.1 has these five at 0x1c0 to 0x1c4; the standard (v2.40 errata 01, section 4.2) and NSS at
// 0x1b5 to 0x1b9.
TEST_CASE("Every return code of p11-kit's header is in the table") {
  check_header(SIGNET_P11KIT_HEADER, 93,
               {"CKR_EXCEEDED_MAX_ITERATIONS", "CKR_FIPS_SELF_TEST_FAILED", "CKR_LIBRARY_LOAD_FAILED",
                "CKR_PIN_TOO_WEAK", "CKR_PUBLIC_KEY_INVALID"});
}

TEST_CASE("Every return code of NSS's header is in the table") {
  check_header("/usr/include/nss/pkcs11t.h", 90);
}

TEST_CASE("The table is sorted, without doubles, and says why") {
  const auto table = ckr_table();
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < table.size(); ++i) {
    CAPTURE(std::string(table[i].name));
    if (i > 0) CHECK(table[i - 1].value < table[i].value);
    CHECK(names.insert(table[i].name).second);
    CHECK(table[i].name.starts_with("CKR_"));
    CHECK(table[i].why.size() > 20);
    CHECK(table[i].why.ends_with("."));
    CHECK((table[i].klass == CkrClass::Ok) == (table[i].value == 0));
    CHECK(ckr_class(table[i].value) == table[i].klass);
  }
}

TEST_CASE("No class is empty") {
  for (const CkrClass klass : {CkrClass::Ok, CkrClass::Retry, CkrClass::ReopenSession, CkrClass::LoginAgain,
                               CkrClass::RestartHost, CkrClass::CallersFault, CkrClass::Fatal}) {
    CAPTURE(std::string(to_string(klass)));
    CHECK(std::ranges::count(ckr_table(), klass, &CkrRow::klass) > 0);
  }
}

TEST_CASE("What is not in the table is named by its number and restarts the host") {
  CHECK(ckr_name(0x7777) == "CKR_0x7777");
  CHECK(ckr_name(0x80000000) == "CKR_VENDOR_DEFINED+0x0");
  CHECK(ckr_name(0x8000000a) == "CKR_VENDOR_DEFINED+0xa");
  CHECK(ckr_class(0x7777) == CkrClass::RestartHost);
  CHECK(ckr_class(0x80000001) == CkrClass::RestartHost);
}

TEST_CASE("PINs, absent tokens and missing mechanisms are told apart") {
  const auto members = [](bool (*predicate)(std::uint64_t)) {
    std::set<std::string_view> names;
    for (const CkrRow& row : ckr_table())
      if (predicate(row.value)) names.insert(row.name);
    return names;
  };
  CHECK(members(pin_refused) == std::set<std::string_view>{"CKR_PIN_INCORRECT"});
  CHECK(members(pin_locked) == std::set<std::string_view>{"CKR_PIN_LOCKED"});
  CHECK(members(token_gone) == std::set<std::string_view>{"CKR_TOKEN_NOT_PRESENT", "CKR_DEVICE_REMOVED"});
  CHECK(members(mechanism_unsupported) ==
        std::set<std::string_view>{"CKR_KEY_SIZE_RANGE", "CKR_MECHANISM_INVALID",
                                   "CKR_MECHANISM_PARAM_INVALID", "CKR_DOMAIN_PARAMS_INVALID",
                                   "CKR_CURVE_NOT_SUPPORTED"});
  // None of these is ever mended by sending something again.
  for (const CkrRow& row : ckr_table())
    if (row.name.starts_with("CKR_PIN_")) CHECK(row.klass == CkrClass::CallersFault);
}

TEST_CASE("docs/host-protocol.md has the table as it is") {
  std::ifstream file(signet::test::source_dir() + "/docs/host-protocol.md");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("| 0x") && line.find("| CKR_") != std::string::npos) lines.push_back(line);
  REQUIRE(lines.size() == ckr_table().size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const CkrRow& row = ckr_table()[i];
    std::ostringstream expected;
    expected << "| 0x" << std::hex << row.value << " | " << row.name << " | " << to_string(row.klass) << " | "
             << row.why << " |";
    CHECK(lines[i] == expected.str());
  }
}

}  // namespace
}  // namespace signet::host
