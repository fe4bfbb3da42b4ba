// The JWKS file changes under the agent: in place, by rename, into rubbish, into nothing.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "agent/identity/jwks_file.h"
#include "tests/agent/identity/token_maker.h"
#include "tests/support/scratch.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;

std::string set_with(const std::string& key_id) {
  return jwks_of({IssuerKey::ec("P-256", key_id).jwk()});
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc | std::ios::binary) << text;
}

void replace(const fs::path& path, const std::string& text) {
  const fs::path fresh = path.string() + ".new";
  write(fresh, text);
  fs::rename(fresh, path);
}

bool has(JwksFile& file, const std::string& key_id) {
  const auto keys = file.keys();
  return keys && keys->find(key_id) != nullptr;
}

TEST_CASE("a JWKS file is read again when it changes", "[identity]") {
  const ScratchDir scratch;
  const fs::path path = scratch / "keys.jwks";
  write(path, set_with("a"));
  JwksFile file(path, JwksOwnership::Own);
  CHECK(has(file, "a"));
  const auto first = file.keys();
  CHECK(file.keys() == first);  // not read again

  replace(path, set_with("b"));  // as curl and mv do it
  CHECK(has(file, "b"));
  CHECK_FALSE(has(file, "a"));  // a key that the issuer withdrew is gone
  write(path, set_with("c"));   // in place
  CHECK(has(file, "c"));
}

TEST_CASE("same size and mtime, other contents: still seen", "[identity]") {
  const ScratchDir scratch;
  const fs::path path = scratch / "keys.jwks";
  write(path, set_with("a"));
  JwksFile file(path, JwksOwnership::Own);
  REQUIRE(has(file, "a"));
  const auto time = fs::last_write_time(path);
  usleep(20'000);  // past the granularity of the kernel's ctime
  write(path, set_with("b"));
  fs::last_write_time(path, time);
  CHECK(has(file, "b"));
}

TEST_CASE("a broken file keeps the keys that were there", "[identity]") {
  const ScratchDir scratch;
  const fs::path path = scratch / "keys.jwks";
  const std::string good = set_with("a");
  write(path, good);
  JwksFile file(path, JwksOwnership::Own);
  REQUIRE(has(file, "a"));

  const auto breaks = [&] {
    CHECK(has(file, "a"));
    CHECK(file.fault());
  };
  replace(path, "<html>503 Service Unavailable</html>");
  breaks();
  replace(path, "");
  breaks();
  replace(path, good.substr(0, good.size() / 2));
  breaks();
  replace(path, good + std::string(kMaxJwksSize, ' '));
  breaks();
  fs::remove(path);
  breaks();
  fs::create_directory(path);
  breaks();
  fs::remove(path);
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);  // must not block
  breaks();
  fs::remove(path);

  write(path, set_with("b"));
  CHECK(has(file, "b"));
  CHECK_FALSE(file.fault());
}

TEST_CASE("a file that comes late is found", "[identity]") {
  const ScratchDir scratch;
  JwksFile file(scratch / "keys.jwks", JwksOwnership::Own);
  CHECK(file.keys() == nullptr);
  CHECK(file.fault());
  write(scratch / "keys.jwks", set_with("a"));
  CHECK(has(file, "a"));
}

TEST_CASE("the largest file that is read", "[identity]") {
  const ScratchDir scratch;
  const fs::path path = scratch / "keys.jwks";
  const std::string good = set_with("a");
  JwksFile file(path, JwksOwnership::Own);
  write(path, good + std::string(kMaxJwksSize - good.size(), ' '));
  CHECK(has(file, "a"));
  write(path, set_with("b") + std::string(kMaxJwksSize - good.size() + 1, ' '));
  CHECK_FALSE(has(file, "b"));
}

TEST_CASE("a file that others can write to is not trusted", "[identity]") {
  const ScratchDir scratch;
  const fs::path path = scratch / "keys.jwks";
  write(path, set_with("a"));
  JwksFile file(path, JwksOwnership::Own);
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    REQUIRE(chmod(path.c_str(), mode) == 0);
    CHECK(file.keys() == nullptr);
    REQUIRE(file.fault());
    CHECK(file.fault()->message.find("chmod go-w") != std::string::npos);
  }
  REQUIRE(chmod(path.c_str(), 0644) == 0);
  CHECK(has(file, "a"));
}

TEST_CASE("somebody else's file is not trusted", "[identity]") {
  if (getuid() != 0) return;  // only root can give a file away
  const ScratchDir scratch;
  const fs::path path = scratch / "keys.jwks";
  write(path, set_with("a"));
  REQUIRE(chown(path.c_str(), 4711, 4711) == 0);
  JwksFile file(path, JwksOwnership::Own);
  CHECK(file.keys() == nullptr);
  CHECK(file.fault()->message.find("4711") != std::string::npos);
}

TEST_CASE("in system mode the directories above count too", "[identity]") {
  // A scratch directory lies below /tmp, to which everybody can write.
  const ScratchDir scratch;
  write(scratch / "keys.jwks", set_with("a"));
  JwksFile file(scratch / "keys.jwks", JwksOwnership::System);
  CHECK(file.keys() == nullptr);
  REQUIRE(file.fault());
}

}  // namespace
}  // namespace signet::test
