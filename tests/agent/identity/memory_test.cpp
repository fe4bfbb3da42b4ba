// A token passes through the agent without a trace: after it was verified, no writable memory of the process
// holds its signature any more, not even what libraries freed. The token is made by another process, so that
// the test itself leaves no copy.
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <sstream>

#include "agent/identity/base64url.h"
#include "agent/identity/identity_token.h"
#include "protocol/secret_json.h"
#include "tests/agent/identity/token_maker.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

constexpr std::int64_t kNow = 1'790'000'000;
constexpr char kMask = 0x5a;
constexpr std::size_t kNeedleSize = 24;

// What is looked for, masked: else it would be found where it stands itself.
using Needle = std::string;

std::string masked(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c ^ kMask);
  return out;
}

bool is_at(const char* place, const Needle& needle) {
  for (std::size_t at = 0; at < needle.size(); ++at)
    if (static_cast<char>(place[at] ^ kMask) != needle[at]) return false;
  return true;
}

// Writable mappings, of which the kernel's own ([vvar], …) are none.
std::size_t count_in_memory(const Needle& needle) {
  std::ifstream maps("/proc/self/maps");
  std::size_t found = 0;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::string rights;
    std::istringstream(line) >> std::hex >> begin >> dash >> end >> rights;
    if (!rights.starts_with("rw")) continue;
    const char* const last = reinterpret_cast<const char*>(end) - needle.size();
    for (const char* place = reinterpret_cast<const char*>(begin); place <= last; ++place)
      if (is_at(place, needle)) ++found;
  }
  return found;
}

struct Made {
  Secret token;
  std::string jwks;
  Needle text, raw;  // of the signature: base64url, and bytes
};

void write_all(int to, std::string_view data) {
  const auto size = static_cast<std::uint32_t>(data.size());
  if (write(to, &size, sizeof size) != sizeof size ||
      write(to, data.data(), data.size()) != static_cast<ssize_t>(data.size()))
    _exit(1);
}

WipedBuffer read_one(int from) {
  std::uint32_t size = 0;
  REQUIRE(read(from, &size, sizeof size) == sizeof size);
  WipedBuffer data(size);
  REQUIRE(read(from, data.data(), size) == static_cast<ssize_t>(size));
  return data;
}

[[noreturn]] void make_in_child(int to, const std::string& algorithm) {
  const IssuerKey key = algorithm == "ES256" ? IssuerKey::ec("P-256", "kid") : IssuerKey::rsa(2048, "kid");
  const std::string token = make_token(github_claims(kNow), key, algorithm);
  const std::string signature = token.substr(token.rfind('.') + 1);
  const auto raw = from_base64url(signature);
  write_all(to, token);
  write_all(to, jwks_of({key.jwk()}));
  write_all(to, masked(signature.substr(signature.size() / 2, kNeedleSize)));
  write_all(to, masked(as_text(*raw).substr(raw->size() / 2, kNeedleSize)));
  _exit(0);
}

Made make_elsewhere(const std::string& algorithm) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) make_in_child(ends[1], algorithm);
  close(ends[1]);
  Made made;
  made.token = Secret(as_text(read_one(ends[0])));
  made.jwks = as_text(read_one(ends[0]));
  made.text = as_text(read_one(ends[0]));
  made.raw = as_text(read_one(ends[0]));
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  return made;
}

TEST_CASE("a verified token leaves no trace in memory", "[identity][memory]") {
  const std::string algorithm = GENERATE("RS256", "PS256", "ES256");
  Made made = make_elsewhere(algorithm);
  PolicyIssuer issuer = github_issuer();
  issuer.algorithms = {algorithm};
  const auto keys = std::make_shared<const JwkSet>(JwkSet::parse(made.jwks, "test").value());
  REQUIRE(count_in_memory(made.text) == 1);  // the search finds it, and it is in the Secret alone
  for (const bool good : {true, false}) {
    // Refused late, after the signature held.
    const std::int64_t now = good ? kNow : kNow + 100'000;
    const auto result = verify_identity_token(
        made.token, {&issuer, 1}, [&](const PolicyIssuer&) { return keys; }, now);
    CHECK(result.has_value() == good);
    CHECK(count_in_memory(made.text) == 1);
    CHECK(count_in_memory(made.raw) == 0);
  }
  made.token.wipe();
  CHECK(count_in_memory(made.text) == 0);
}

}  // namespace
}  // namespace signet::test
