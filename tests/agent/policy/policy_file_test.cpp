#include "agent/policy/policy_file.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
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

// What `work` finds in a process of its own whose "/" is this directory, and who is root there, with its
// files, whoever runs the tests. Nothing if the system does not allow that.
std::optional<std::vector<std::string>> as_root_of(const fs::path& top, std::vector<std::string> (*work)()) {
  const std::string uids = "0 " + std::to_string(::geteuid()) + " 1",
                    gids = "0 " + std::to_string(::getegid()) + " 1";
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    bool root = ::geteuid() == 0;
    if (!root && ::unshare(CLONE_NEWUSER) == 0) {
      std::ofstream("/proc/self/setgroups") << "deny";
      std::ofstream("/proc/self/uid_map") << uids;
      std::ofstream("/proc/self/gid_map") << gids;
      root = ::geteuid() == 0;
    }
    if (!root || ::chroot(top.c_str()) != 0 || ::chdir("/") != 0) ::_exit(1);
    for (const std::string& line : work())
      if (::write(pipe[1], (line + '\0').data(), line.size() + 1) < 0) ::_exit(2);
    ::_exit(0);
  }
  ::close(pipe[1]);
  std::vector<std::string> found(1);
  for (char c = 0; ::read(pipe[0], &c, 1) == 1;)
    if (c == '\0')
      found.emplace_back();
    else
      found.back() += c;
  found.pop_back();  // what follows the last NUL
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 1) return std::nullopt;
  REQUIRE(status == 0);
  return found;
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
  const fs::path top = scratch.path() / "top";  // "/" of the process below
  REQUIRE(::mkdir(top.c_str(), 0755) == 0);
  const auto found = as_root_of(top, [] {
    std::vector<std::string> all;
    const auto load = [&all](const fs::path& path) {
      const auto loaded = load_policy(at(path, true), own_accounts());
      all.push_back(loaded ? "loaded" : loaded.error().message);
    };
    const fs::path policy = write("/etc/policy.toml", kGood), jwks = "/etc/jwks.json";
    load(policy);
    ::chmod(policy.c_str(), 0664);
    load(policy);
    ::chmod(policy.c_str(), 0644);
    ::chmod("/etc", 0777);
    load(policy);
    ::chmod("/etc", 0755);
    // A JWK set that is not there yet refuses its own tokens only.
    write(policy, std::string("[[issuer]]\nname = \"g\"\nissuer = \"https://g\"\njwks = \"/etc/jwks.json\"\n"
                              "algorithms = \"RS256\"\n") +
                      kGood);
    load(policy);
    write(jwks, "{}");
    load(policy);
    ::chmod(jwks.c_str(), 0666);
    load(policy);
    return all;
  });
  if (!found) {
    WARN("This system lets nobody be root of a directory: half of this test was left out.");
    return;
  }
  REQUIRE(found->size() == 6);
  CHECK(found->at(0) == "loaded");
  CHECK_THAT(found->at(1), Catch::Contains("chmod go-w"));
  CHECK_THAT(found->at(2), Catch::Contains("chmod go-w"));
  CHECK(found->at(3) == "loaded");
  CHECK(found->at(4) == "loaded");
  CHECK_THAT(found->at(5), Catch::Contains("the JWK set of g"));
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
