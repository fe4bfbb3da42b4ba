// The two ends of the test's link: two network namespaces of its own, a TUN device in each.
#pragma once

#include <string>
#include <variant>

namespace signet::test {

inline constexpr const char* kNearAddress = "10.213.0.1";
inline constexpr const char* kFarAddress = "10.213.0.2";

// Descriptors, open for as long as the process lives.
struct LinkEnd {
  int space = -1;   // the network namespace; it lives as long as somebody holds it or lives in it
  int device = -1;  // the TUN device's packets
};

struct LinkEnds {
  LinkEnd near, far;
  bool own_users = false;  // made by an ordinary user: the namespaces belong to a user namespace of theirs
};

// What could not be done, and why: a sentence.
struct LinkFault {
  std::string why;
};

// Call it once, before any thread is started: it leaves the caller in the far namespace.
std::variant<LinkEnds, LinkFault> make_link_ends();

}  // namespace signet::test
