#include "agent/policy/policy_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "agent/policy/accounts.h"
#include "policy_fixture.h"
#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

using signet::choose_policy_place;
using signet::load_policy;
using signet::PolicyPlace;
namespace fs = std::filesystem;

namespace {

constexpr const char* kGood = "[[rule]]\nname = \"r\"\nanyone = true\naction = \"read-ledger\"\n";

signet::PolicyAccounts own_accounts() {
  signet::PolicyAccounts accounts = signet::test::accounts();
  accounts.self = ::geteuid();
  return accounts;
}

fs::path write(const fs::path& file, std::string_view text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
  ::chmod(file.c_str(), 0644);
  return file;
}

std::string refusal(const PolicyPlace& place) {
  const auto loaded = load_policy(place, own_accounts());
  REQUIRE(loaded.has_error());
  CHECK(loaded.error().name == signet::ErrorName::FileFault);
  return loaded.error().message;
}

PolicyPlace at(const fs::path& file, bool system = false) {
  PolicyPlace place;
  place.file = file;
  place.system = system;
  return place;
}

}  // namespace

TEST_CASE("a policy file is loaded with its source and its text") {
  const signet::test::ScratchDir scratch;
  const fs::path file = write(scratch.path() / "policy.toml", kGood);
  const auto loaded = load_policy(at(file), own_accounts());
  REQUIRE(loaded);
  CHECK((*loaded)->source == file.string());
  CHECK((*loaded)->text == kGood);
  CHECK((*loaded)->policy.rules.size() == 1);
}

TEST_CASE("without a file the built-in policy is in force") {
  const auto loaded = load_policy(PolicyPlace(), own_accounts());
  REQUIRE(loaded);
  CHECK((*loaded)->source == "built-in");
  CHECK((*loaded)->text == signet::builtin_policy());
  CHECK((*loaded)->policy.rules.size() == 5);
}

TEST_CASE("all mistakes of a policy file are told, a line for each") {
  const signet::test::ScratchDir scratch;
  const fs::path file = write(scratch.path() / "policy.toml",
                              "[[rule]]\nname = \"a b\"\nanyone = true\nuid = -1\naction = \"x\"\n");
  const std::string message = refusal(at(file));
  for (const char* begin : {":2: rule.name: ", ":3: rule.anyone: ", ":4: rule.uid: ", ":5: rule.action: "})
    CHECK_THAT(message, Catch::Contains(file.string() + begin));
  CHECK(std::count(message.begin(), message.end(), '\n') == 3);
}

TEST_CASE("what is no policy file is refused") {
  const signet::test::ScratchDir scratch;
  CHECK_THAT(refusal(at(scratch.path() / "none.toml")),
             Catch::Contains("none.toml") && Catch::Contains("Is it there"));
  CHECK_THAT(refusal(at(scratch.path())), Catch::Contains("no regular file"));
  const fs::path pipe = scratch.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THAT(refusal(at(pipe)), Catch::Contains("no regular file"));
  CHECK(load_policy(at(write(scratch.path() / "large.toml", "#" + std::string(256 * 1024 - 1, 'x'))),
                    own_accounts()));
  CHECK_THAT(refusal(at(write(scratch.path() / "larger.toml", "#" + std::string(256 * 1024, 'x')))),
             Catch::Contains("at most 262144"));
}

TEST_CASE("a policy that others could change is refused") {
  const signet::test::ScratchDir scratch;
  const fs::path file = write(scratch.path() / "policy.toml", kGood);
  REQUIRE(::chmod(file.c_str(), 0646) == 0);
  CHECK_THAT(refusal(at(file)), Catch::Contains("chmod o-w"));
  REQUIRE(::chmod(file.c_str(), 0664) == 0);
  CHECK(load_policy(at(file), own_accounts()));
  if (::geteuid() != 0) return;
  REQUIRE(::chown(file.c_str(), 12345, 12345) == 0);
  CHECK_THAT(refusal(at(file)), Catch::Contains("belongs to uid 12345"));
}

TEST_CASE("in system mode the policy and its JWK sets belong to root, and all above them") {
  const signet::test::ScratchDir scratch;  // below /tmp, which everybody can write to
  const fs::path file = write(scratch.path() / "policy.toml", kGood);
  CHECK_THAT(refusal(at(file, true)), Catch::Contains("chmod go-w") || Catch::Contains("chown root"));
  if (::geteuid() != 0) return;
  std::string base = "/root/signet-policy-test-XXXXXX";
  REQUIRE(::mkdtemp(base.data()) != nullptr);
  const fs::path root = base;
  const fs::path policy = write(root / "policy.toml", kGood);
  CHECK(load_policy(at(policy, true), own_accounts()));
  REQUIRE(::chmod(policy.c_str(), 0664) == 0);
  CHECK_THAT(refusal(at(policy, true)), Catch::Contains("chmod go-w"));
  REQUIRE(::chmod(policy.c_str(), 0644) == 0);
  REQUIRE(::chmod(root.c_str(), 0777) == 0);
  CHECK_THAT(refusal(at(policy, true)), Catch::Contains("chmod go-w"));
  REQUIRE(::chmod(root.c_str(), 0755) == 0);
  // A JWK set that is not there yet refuses its own tokens only.
  const fs::path jwks = root / "jwks.json";
  const std::string issuer = "[[issuer]]\nname = \"g\"\nissuer = \"https://g\"\njwks = \"" + jwks.string() +
                             "\"\nalgorithms = \"RS256\"\n";
  write(policy, issuer + kGood);
  CHECK(load_policy(at(policy, true), own_accounts()));
  write(jwks, "{}");
  CHECK(load_policy(at(policy, true), own_accounts()));
  REQUIRE(::chmod(jwks.c_str(), 0666) == 0);
  CHECK_THAT(refusal(at(policy, true)), Catch::Contains("the JWK set of g"));
  fs::remove_all(root);
}

TEST_CASE("where the policy is, by configuration and mode") {
  const signet::test::ScratchDir scratch;
  const char* before = std::getenv("XDG_CONFIG_HOME");
  const std::string saved = before == nullptr ? "" : before;
  ::setenv("XDG_CONFIG_HOME", scratch.path().c_str(), 1);
  CHECK(choose_policy_place("/x/p.toml", false).file == "/x/p.toml");
  CHECK(choose_policy_place("/x/p.toml", true).file == "/x/p.toml");
  CHECK(choose_policy_place("", true).file == "/etc/signet/policy.toml");
  CHECK(choose_policy_place("", true).system);
  CHECK(choose_policy_place("", false).file.empty());
  write(scratch.path() / "signet/policy.toml", kGood);
  CHECK(choose_policy_place("", false).file == scratch.path() / "signet/policy.toml");
  CHECK_FALSE(choose_policy_place("", false).system);
  CHECK(choose_policy_place("", true).file == "/etc/signet/policy.toml");
  if (before == nullptr)
    ::unsetenv("XDG_CONFIG_HOME");
  else
    ::setenv("XDG_CONFIG_HOME", saved.c_str(), 1);
}

TEST_CASE("the accounts of this machine") {
  const signet::PolicyAccounts accounts = signet::system_accounts();
  CHECK(accounts.uid_of("root") == 0);
  CHECK(accounts.gid_of("root") == 0);
  CHECK_FALSE(accounts.uid_of("no-such-user-here"));
  CHECK_FALSE(accounts.gid_of("no-such-group-here"));
  CHECK(accounts.self == ::geteuid());
  CHECK(accounts.overflow_uid == 65534);
  const auto root = signet::find_account("root");
  REQUIRE(root);
  CHECK(root->uid == 0);
  CHECK(root->gid == 0);
  CHECK(signet::find_account("0")->uid == 0);
  CHECK(signet::find_account("uid:0")->uid == 0);
  const auto unnamed = signet::find_account("3999999999");
  REQUIRE(unnamed);
  CHECK(unnamed->uid == 3999999999);
  CHECK(unnamed->groups.empty());
  for (const char* text : {"", "no-such-user-here", "-1", "4294967295", "4294967296", "1x", "uid:", "0x0"}) {
    CAPTURE(text);
    CHECK_FALSE(signet::find_account(text));
  }
}
