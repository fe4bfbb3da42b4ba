#include "agent/varlink/peer.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace signet {
namespace {

Error denied(const std::string& why) {
  return {ErrorName::PermissionDenied, why};
}

// A process is in up to NGROUPS_MAX (65536) groups; most are in a few. ERANGE says how much room they need.
bool read_groups(int fd, std::vector<gid_t>& groups) {
  groups.resize(64);
  for (int tries = 0; tries < 2; ++tries) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const int status = ::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    if (status != 0 && errno != ERANGE) return false;
    groups.resize(size / sizeof(gid_t));
    if (status == 0) return true;
  }
  return false;
}

Result<void> refuse_overflow(const Peer& peer) {
  static const uid_t overflow = overflow_uid();
  if (peer.uid != overflow) return {};
  return denied("Your uid is the overflow uid (" + std::to_string(overflow) +
                "): it does not say who you are. Call the agent from its own user namespace.");
}

}  // namespace

Result<Peer> peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return denied("The kernel does not say who is calling (" + std::string(std::strerror(errno)) + ").");
  Peer peer{credentials.uid, credentials.gid, credentials.pid};
  if (!read_groups(fd, peer.groups))
    return denied("The kernel does not say in which groups the caller is (" +
                  std::string(std::strerror(errno)) + ").");
  return peer;
}

PeerRule same_uid_rule(uid_t own) {
  return [own](const Peer& peer) -> Result<void> {
    if (Result<void> known = refuse_overflow(peer); !known) return known;
    if (peer.uid == own) return {};
    return denied("This is the own agent of uid " + std::to_string(own) + ", and you are uid " +
                  std::to_string(peer.uid) + ". Start an agent of your own, or use the system's agent.");
  };
}

PeerRule system_rule() {
  return refuse_overflow;
}

uid_t overflow_uid() {
  std::ifstream file("/proc/sys/kernel/overflowuid");
  uid_t uid = 65534;  // the kernel's default, should /proc not be there
  file >> uid;
  return file ? uid : 65534;
}

}  // namespace signet
