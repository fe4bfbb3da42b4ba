#include "agent/varlink/peer.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

namespace signet {
namespace {

Error denied(const std::string& why) {
  return {ErrorName::PermissionDenied, why};
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
  return Peer{credentials.uid, credentials.gid, credentials.pid};
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
