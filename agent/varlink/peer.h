// Who is at the other end, and whether they may be there.
#pragma once

#include <sys/types.h>

#include <functional>

#include "agent/varlink/handler.h"
#include "protocol/result.h"

namespace signet {

// What the kernel says of a connected Unix socket (SO_PEERCRED, SO_PEERGROUPS): who connected, as of then.
// PermissionDenied if it says nothing.
Result<Peer> peer_of(int fd);

// PermissionDenied, or nothing to say. Asked once for each connection.
using PeerRule = std::function<Result<void>(const Peer&)>;

// A person's own agent: that person. Not root either: root can become the person, but should not sign as them
// by accident.
PeerRule same_uid_rule(uid_t own);
// The system's agent: whoever the socket's mode lets in; policy decides the rest.
PeerRule system_rule();
// Both refuse the overflow uid: it stands for "somebody of another user namespace".
uid_t overflow_uid();

}  // namespace signet
