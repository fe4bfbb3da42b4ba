#include "agent/varlink/peer.h"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

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
  ::close(pair[0]);
  ::close(pair[1]);
  CHECK(signet::peer_of(-1).has_error());
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
