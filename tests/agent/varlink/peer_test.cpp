#include "agent/varlink/peer.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <vector>

#include "tests/support/result_printing.h"

using signet::Peer;

TEST_CASE("the kernel says who is at the other end") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  const auto peer = signet::peer_of(pair[0]);
  REQUIRE(peer);
  CHECK(peer->uid == ::geteuid());
  CHECK(peer->gid == ::getegid());
  CHECK(peer->pid == ::getpid());
  std::vector<gid_t> groups(static_cast<std::size_t>(::getgroups(0, nullptr)));
  REQUIRE(::getgroups(static_cast<int>(groups.size()), groups.data()) == static_cast<int>(groups.size()));
  std::vector<gid_t> told = peer->groups;
  std::sort(groups.begin(), groups.end());
  std::sort(told.begin(), told.end());
  CHECK(told == groups);
  ::close(pair[0]);
  ::close(pair[1]);
  CHECK(signet::peer_of(-1).has_error());
}

// In a process of its own: groups can be given by root only.
TEST_CASE("somebody in many groups is known with all of them") {
  if (::geteuid() != 0) return;
  for (const std::size_t count : {0U, 1U, 63U, 64U, 65U, 1000U}) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::vector<gid_t> groups(count);
      for (std::size_t i = 0; i < count; ++i) groups[i] = static_cast<gid_t>(100 + i);
      int own[2];
      bool good = ::setgroups(count, groups.data()) == 0 && ::socketpair(AF_UNIX, SOCK_STREAM, 0, own) == 0;
      const auto peer = signet::peer_of(own[0]);
      good = good && peer.has_value() && peer->groups == groups;
      ::_exit(good ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CAPTURE(count);
    CHECK(status == 0);
  }
}

TEST_CASE("a person's agent is for that person, not for root either") {
  const auto rule = signet::same_uid_rule(1000);
  CHECK(rule(Peer{1000, 5, 1}));
  CHECK(rule(Peer{1001, 1000, 1}).has_error());
  CHECK(rule(Peer{0, 0, 1}).has_error());
}

TEST_CASE("the overflow uid is nobody, everywhere") {
  const uid_t overflow = signet::overflow_uid();
  std::ifstream file("/proc/sys/kernel/overflowuid");
  uid_t told = 0;
  file >> told;
  CHECK(overflow == told);
  CHECK(signet::same_uid_rule(overflow)(Peer{overflow, 1, 1}).has_error());
  CHECK(signet::system_rule()(Peer{overflow, 1, 1}).has_error());
  CHECK(signet::system_rule()(Peer{0, 0, 1}));
  CHECK(signet::system_rule()(Peer{1000, 1000, 1}));
}
